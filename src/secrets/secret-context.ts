import type { Clock } from "../lib/clock.js";
import type { Permissions } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { CredentialChange, CredentialRecorder } from "./credential-recorder.js";

/**
 * Returns the secret that `ref` stands for. An error that it throws is never shown, because it may contain the secret.
 */
export type SecretResolver = (
  ref: string,
  options: { readonly server: string; readonly signal: AbortSignal },
) => string | Promise<string>;

/**
 * The fields that reading a reference uses. An attempt at a token request is itself a `SecretContext`; commands and the
 * store build their own.
 */
export interface SecretContext {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of the config, where a message about a variable without a value looks for it in `.env` files. */
  readonly envFilesIn?: string | undefined;
  /** The `fetch` of a `Network`, which verifies the server. Only platform identities use it, and fail without it. */
  readonly fetch?: FetchFunction;
  /** The `fetchDirect` of the same network, for services of this machine that must not be asked through a proxy. */
  readonly fetchDirect?: FetchFunction | undefined;
  /** Measures time-outs. Default: the system's clock. */
  readonly clock?: Clock;
  /** The functions that `{ "resolver": … }` names. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>> | undefined;
  /** What the config may use. Default: everything, except commands if MCP_AUTH_ALLOW_EXEC in `env` forbids them. */
  readonly permissions?: Permissions | undefined;
  /** Ends the wait for a command, a resolver, a request, or a file that is being written. */
  readonly signal?: AbortSignal | undefined;
  /** If true, the pauses between two reads do not keep the process alive. */
  readonly unref?: boolean | undefined;
  /** Records the credentials that one attempt reads. Absent: nothing is recorded. */
  readonly recorder?: CredentialRecorder | undefined;
  /** Called when a credential differs from the one of the manager's previous request. */
  readonly onCredentialChange?: ((change: CredentialChange) => void) | undefined;
}
