import type { Nonces } from "../dpop/nonces.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Token } from "../tokens/token.js";
import type { Reach } from "./reach.js";

/** What an authorized `fetch` needs from the token manager around it. */
export interface Authorizer {
  readonly name: string;
  readonly url: URL;
  readonly reach: Reach;
  readonly fetch: FetchFunction;
  /** Those of the server; without them, tokens bound to a key go with proofs without a nonce. */
  readonly nonces?: Nonces;
  /** A usable token. */
  token(signal: AbortSignal | undefined): Promise<Token>;
  /** The `headers` of the config, secrets resolved. */
  headers(signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>> | undefined;
  /** Those of all else that a call waits for; without them a proof takes as long as it takes. */
  readonly limits?: Pick<WaitLimits, "run">;
  /** The server took this token. */
  accepted(token: Token): void;
  /** The server answered 401 to this token. */
  rejected(token: Token, response: Response, url: URL): void;
  /**
   * A token with these scopes beside those of the one that the server answered 403 to; `undefined` when there is no
   * other. Rejects with `insufficient_scope` when the config does not allow them.
   */
  stepUp?(
    scopes: readonly string[],
    token: Token,
    signal: AbortSignal | undefined,
  ): Promise<Token | undefined>;
}
