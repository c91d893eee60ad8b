import type { Nonces } from "../dpop/nonces.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { ServerClocks } from "../net/server-clocks.js";
import type { AfterRefusal, RefusedCall } from "../tokens/refused-tokens.js";
import type { Token } from "../tokens/token.js";
import type { Reach } from "./reach.js";

/** A response that refuses a token, and the URL that it came from. */
export interface RefusingResponse {
  readonly token: Token;
  readonly response: Response;
  readonly url: URL;
}

/** What an authorized `fetch` needs from the token manager around it. */
export interface Authorizer {
  readonly name: string;
  readonly url: URL;
  readonly reach: Reach;
  readonly fetch: FetchFunction;
  /** Those of the server; without them, tokens bound to a key go with proofs without a nonce. */
  readonly nonces?: Nonces;
  /** Without them proofs are made in our own time. */
  readonly serverClocks?: ServerClocks;
  /** Told, once, how far the clock of the server differs from ours. */
  readonly onClockSkew?: (message: string) => void;
  /** A token that has not expired, usable if possible. */
  token(signal: AbortSignal | undefined): Promise<Token>;
  /** The `headers` of the config, secrets resolved. */
  headers(signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>> | undefined;
  /** Those of all else that a call waits for; without them a proof takes as long as it takes. */
  readonly limits?: Pick<WaitLimits, "run">;
  /** The token request that is under way, to tell it from others. */
  readonly pending?: () => object | undefined;
  /** The server accepted a request; its kind is asked for where it matters. */
  accepted(kind: () => string): void;
  /** The server refused a token: what it asks for is learned from this. */
  challenged(refusing: RefusingResponse): void;
  /** What follows for a call that can be sent again. */
  replace(call: RefusedCall): Promise<AfterRefusal>;
  /** The same for one that cannot. */
  replaceForOthers(call: RefusedCall): void;
  /** A new token, or the same one again, was refused, and the caller gets this response. Never rejects. */
  refusedAgain(refusing: RefusingResponse): Promise<void>;
  /**
   * A token with these scopes beside those of the one that the server answered 403 to; `undefined` when there is no
   * other. Rejects with `insufficient_scope` when the config does not allow them.
   */
  stepUp?(
    scopes: readonly string[],
    token: Token,
    signal: AbortSignal | undefined,
  ): Promise<Token | undefined>;
  /** The same with those of the scopes that the config allows and that were not asked for yet; the others are ignored. */
  stepUpWithin?(
    scopes: readonly string[],
    token: Token,
    signal: AbortSignal | undefined,
  ): Promise<Token | undefined>;
}
