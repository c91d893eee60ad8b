import type { McpAuthConfig } from "../config/define-config.js";
import { loadConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { startingFolder } from "../config/starting-folder.js";
import type { Signer } from "../keys/signing-key.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { type Allow, createPermissions } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { platformFetch } from "../net/own-requests.js";
import { ServerClocks } from "../net/server-clocks.js";
import type { SecretResolver } from "../secrets/read-secret.js";
import { assertStore, type McpAuthStore } from "../sharing/custom-store.js";
import { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import { assertRuntimeOptions } from "./check-options.js";
import { Events, type Logger } from "./events.js";
import type { McpAuth } from "./mcp-auth.js";
import { Runtime } from "./runtime.js";

export interface McpAuthOptions<Name extends string = string> {
  /**
   * A config or the path of a config file. By default, the file in `MCP_AUTH_CONFIG`, else the nearest one in `cwd` and
   * above.
   */
  readonly config?: string | McpAuthConfig<Name>;
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

/**
 * Finds and validates the config, and returns its token managers. It sends no request, reads no secret and runs no
 * command.
 *
 * Rejects with `config_not_found`, and with `config_invalid`, whose `violations` list every mistake in the config.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const response = await auth.resolve("billing").fetch("https://mcp.acme.example/billing", { method: "POST", body });
 * ```
 */
export async function createMcpAuth<Name extends string = string>(
  options: McpAuthOptions<Name> = {},
): Promise<McpAuth<Name>> {
  return await createRuntime(options);
}

/** Creates the runtime, from `loaded` if the config has been loaded already. */
export async function createRuntime<Name extends string>(
  options: McpAuthOptions<Name>,
  loaded?: ConfigSpec,
): Promise<Runtime<Name>> {
  assertRuntimeOptions(options);
  const { clock = systemClock, env = process.env } = options;
  const { config, resolvers, signers, allowExec } = options;
  // Determined now, so that a reload finds the same file after the process has changed its folder.
  const cwd = startingFolder(options, env);
  const allow =
    options.allow === undefined
      ? undefined
      : (await import("../lib/allow.js")).allowRules(options.allow, cwd);
  // An `env` of the host does not lift restrictions of the process.
  const permissions = createPermissions({ allowExec, allow, environments: [env, process.env] });
  const hasStore = options.store !== undefined;
  if (options.store !== undefined) assertStore(options.store);
  const events = new Events(options.logger);
  const warned = new Set<string>();
  const warn = (warning: string, file: string | undefined): void => {
    if (options.logger === undefined) process.emitWarning(warning, "McpAuthWarning");
    else events.warn({ file }, warning);
  };
  const warnOnce = (spec: ConfigSpec): ConfigSpec => {
    for (const warning of spec.warnings ?? []) {
      if (!warned.has(warning)) warn(warning, spec.file);
      warned.add(warning);
    }
    return spec;
  };
  const load = async (current?: ConfigSpec): Promise<ConfigSpec> => {
    const pinned = { pinned: current?.file, pinnedByName: current?.named };
    return warnOnce(await loadConfig({ cwd, env, config, ...pinned, hasStore, allow }));
  };
  const spec = loaded === undefined ? await load() : warnOnce(loaded);
  const serverClocks = new ServerClocks(clock);
  const dependencies = {
    fetch: platformFetch(options.fetch),
    serverClocks,
    clock,
    env,
    events,
    resolvers,
    signers,
    permissions,
    retryAfterRegistry: new RetryAfterRegistry(),
    ownStore: options.store,
    hasOwnFetch: options.fetch !== undefined,
  };
  return new Runtime<Name>(spec, dependencies, load);
}
