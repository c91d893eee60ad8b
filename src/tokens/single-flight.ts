import type { TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

/**
 * One request for any number of callers: who comes while one is under way gets its outcome, whatever the reason it
 * was started for. A forced refresh joins it too, since it brings a new token.
 */
export class SingleFlight implements TokenSource {
  readonly #source: TokenSource;
  #flight: Promise<Token> | undefined;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** What is under way, for whoever wants to wait for its end. */
  get flight(): Promise<Token> | undefined {
    return this.#flight;
  }

  getToken(request: TokenRequest): Promise<Token> {
    this.#flight ??= this.#source.getToken(request).finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }
}
