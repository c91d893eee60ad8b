import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";

/** Gives the secret that `ref` stands for. What it throws reaches nobody: it may carry the secret. */
export type SecretResolver = (
  ref: string,
  options: { readonly server: string; readonly signal: AbortSignal },
) => string | Promise<string>;

/** Where references are read from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `githubActions`; the global one unless told. */
  readonly fetch?: FetchFunction;
  /** Measures time-outs; the system's unless told. */
  readonly clock?: Clock;
  /** The functions that `{ "resolver": … }` names. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>> | undefined;
  /** False: no command is run. So is it with `MCP_AUTH_ALLOW_EXEC=0` in `env`. */
  readonly allowExec?: boolean | undefined;
}

/** Where references are read from, and for whom. */
export interface SecretContext extends SecretSources {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  /** Ends the wait for a command, a resolver or a request. */
  readonly signal?: AbortSignal | undefined;
}
