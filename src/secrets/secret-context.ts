import type { SecretReference } from "../config/spec.js";
import type { Clock } from "../lib/clock.js";
import type { Permissions } from "../lib/permissions.js";
import type { Secret } from "../lib/secret.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { PrefetchedSecrets } from "./prefetched-secrets.js";

/** Gives the secret that `ref` stands for. What it throws reaches nobody: it may carry the secret. */
export type SecretResolver = (
  ref: string,
  options: { readonly server: string; readonly signal: AbortSignal },
) => string | Promise<string>;

/** Where references are read from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `githubActions`, which fails without it. It is the `fetch` of a `Network`, which verifies the server. */
  readonly fetch?: FetchFunction;
  /** Measures time-outs; the system's unless told. */
  readonly clock?: Clock;
  /** The functions that `{ "resolver": … }` names. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>> | undefined;
  /** What the config may use; everything unless told, but no command where MCP_AUTH_ALLOW_EXEC in `env` forbids it. */
  readonly permissions?: Permissions | undefined;
}

/** Where references are read from, and for whom. */
export interface SecretContext extends SecretSources {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  /** Ends the wait for a command, a resolver, a request, or a file that is being written. */
  readonly signal?: AbortSignal | undefined;
  /** Nobody may be waiting: pauses keep no process alive. */
  readonly unref?: boolean | undefined;
  /** Read just now, for this request. */
  readonly prefetched?: PrefetchedSecrets | undefined;
  /** Told what is read. */
  readonly watch?: CredentialRecorder | undefined;
  /** Told of a value that is another one than `watch` knows. */
  readonly onChanged?: (() => void) | undefined;
}

/** Takes down what requests are made with. */
export interface CredentialRecorder {
  /**
   * Notes what a reference gave, `undefined` for nothing. True when it is another value than the last that there was; not
   * for the first.
   */
  note(reference: SecretReference, value: Secret | undefined): boolean;
  /** Notes what was made of all parts of a key or certificate. True when it is another object than the last time. */
  replaced(spec: object, bundle: object): boolean;
}
