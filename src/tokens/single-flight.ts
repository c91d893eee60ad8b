import type { TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

/**
 * Shares one request among any number of callers. A caller that comes while a request is in flight gets its outcome,
 * whatever the reason for the request was. A forced refresh joins too, because the request brings a new token.
 */
export class SingleFlight implements TokenSource {
  readonly #source: TokenSource;
  #inFlight: Promise<Token> | undefined;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** The request in flight. */
  get inFlight(): Promise<Token> | undefined {
    return this.#inFlight;
  }

  getToken(request: TokenRequest): Promise<Token> {
    this.#inFlight ??= this.#source.getToken(request).finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }
}
