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

/** What an authorized `fetch` needs from its token manager. */
export interface Authorizer {
  readonly name: string;
  readonly url: URL;
  readonly reach: Reach;
  readonly fetch: FetchFunction;
  /** DPoP nonces of the server. If absent, proofs have no nonce. */
  readonly nonces?: Nonces;
  /** Clocks of servers. If absent, proofs use the local time. */
  readonly serverClocks?: ServerClocks;
  /** Called once with a message that says by how much the clock of the server differs from the local one. */
  readonly onClockSkew?: (message: string) => void;
  /** Returns an unexpired token, a usable one if possible. */
  token(signal: AbortSignal | undefined): Promise<Token>;
  /** Returns the `headers` of the config with their secrets, `undefined` if there are none. */
  headers(signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>> | undefined;
  /** Limits the time that a proof may take. */
  readonly limits?: Pick<WaitLimits, "run">;
  /** Returns an object that identifies the token request in flight. */
  readonly pending?: () => object | undefined;
  /** The server accepted a request. `kind` is called only if the kind matters. */
  noteAccepted(kind: () => string): void;
  /** The server refused a token. Remembers what its challenge asks for. */
  noteChallenge(refusing: RefusingResponse): void;
  /** Requests another token for a call that can be sent again. */
  replace(call: RefusedCall): Promise<AfterRefusal>;
  /** Requests another token for later calls, because this one cannot be sent again. */
  replaceForOthers(call: RefusedCall): void;
  /**
   * The server refused a new token, or the same token came again. Explains this to the operator, because the caller
   * gets the response. Rejects only after a mistake in our code.
   */
  explainRefusal(refusing: RefusingResponse): Promise<void>;
  /**
   * Returns a token that has these scopes too, `undefined` if there is no other token. Rejects with
   * `insufficient_scope` if the config does not allow the scopes.
   */
  stepUp?(
    scopes: readonly string[],
    token: Token,
    signal: AbortSignal | undefined,
  ): Promise<Token | undefined>;
  /** Like `stepUp`, but ignores scopes that the config does not allow or that were requested already. */
  stepUpWithin?(
    scopes: readonly string[],
    token: Token,
    signal: AbortSignal | undefined,
  ): Promise<Token | undefined>;
}
