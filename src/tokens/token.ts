import { inspect } from "node:util";

export interface TokenFields {
  readonly accessToken: string;
  readonly tokenType: "Bearer";
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  readonly issuer: string | undefined;
  readonly resource: string;
}

/**
 * An access token and what is known of it. Immutable. The token itself shows neither in JSON nor under
 * `util.inspect`.
 */
export class Token {
  readonly #accessToken: string;
  readonly tokenType: "Bearer";
  /** Milliseconds since the epoch at which the request that brought it was sent. */
  readonly requestedAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  /** The authorization server that issued it; `undefined` for a static token. */
  readonly issuer: string | undefined;
  /** The RFC 8707 resource it was asked for. */
  readonly resource: string;

  constructor(fields: TokenFields) {
    this.#accessToken = fields.accessToken;
    this.tokenType = fields.tokenType;
    this.requestedAt = fields.requestedAt;
    this.expiresAt = fields.expiresAt;
    this.scopes = Object.freeze([...fields.scopes]);
    this.issuer = fields.issuer;
    this.resource = fields.resource;
    Object.freeze(this);
  }

  get accessToken(): string {
    return this.#accessToken;
  }

  toJSON(): Record<string, unknown> {
    const { tokenType, requestedAt, expiresAt, scopes, issuer, resource } = this;
    return { accessToken: "<secret>", tokenType, requestedAt, expiresAt, scopes, issuer, resource };
  }

  [inspect.custom](): string {
    return `Token ${inspect(this.toJSON())}`;
  }
}
