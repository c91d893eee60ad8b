import type { McpAuthConfig, McpAuthConfigWithImport } from "../config/define-config.js";
import type { Signer } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import type { Allow } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { SecretResolver } from "../secrets/read-secret.js";
import type { McpAuthStore } from "../sharing/custom-store.js";
import type { Logger } from "./events.js";

export interface McpAuthOptions<Name extends string = string> {
  /**
   * A config or the path of a config file. By default, the file in `MCP_AUTH_CONFIG`, else the nearest one in `cwd` and
   * above.
   */
  readonly config?: string | McpAuthConfig<Name> | McpAuthConfigWithImport<Name>;
  /**
   * The folder where the search for a config begins, and the base of relative paths in a config object. By default, the
   * working folder.
   */
  readonly cwd?: string;
  /** The variables for `${NAME}` and `{ "env": "NAME" }`. By default, `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Sends every request instead of the global `fetch`. For https it gets connections that verify the server's
   * certificate, as `init.dispatcher`. Metadata that it fetches is not shared through a store, because the authorities
   * that it trusts are unknown.
   */
  readonly fetch?: FetchFunction;
  /** Gets a line for each event. */
  readonly logger?: Logger;
  /** Functions for references of the form `{ "resolver": "NAME", "ref": … }`, by name. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>>;
  /** Functions that sign for keys of the form `{ "signer": { "name": "NAME" } }`, by name. */
  readonly signers?: Readonly<Record<string, Signer>>;
  /**
   * With `false`, no command of the config runs: `exec` references and signers fail. They also fail if
   * MCP_AUTH_ALLOW_EXEC, in `env` or in the environment of the process, has another value than 1, true, yes or on.
   */
  readonly allowExec?: boolean;
  /**
   * Restricts what a config may use to the entries of these lists, for a config that somebody else wrote. Anything else
   * is `config_invalid`: when the config is loaded, or when a value from a variable or a reference is used.
   */
  readonly allow?: Allow;
  /** Replaces the system clock, for tests. */
  readonly clock?: Clock;
  /** A store for tokens that replaces the `store` of the config. */
  readonly store?: McpAuthStore;
}
