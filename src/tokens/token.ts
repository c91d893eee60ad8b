import { inspect } from "node:util";
import { rememberShortLived } from "../errors/sent-credentials.js";
import type { Binding } from "../oauth/token-endpoint/binding.js";

export interface TokenFields {
  readonly accessToken: string;
  readonly tokenType: "Bearer" | "DPoP";
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  readonly issuer: string | undefined;
  readonly resource?: string | undefined;
  readonly binding?: Binding | undefined;
  /** Another process has asked for it. */
  readonly isShared?: boolean;
  /** Asked for without knowing what the MCP server wants: it is for this process alone. */
  readonly isProvisional?: boolean;
}

/**
 * An access token and what is known of it. Immutable. The token itself shows neither in JSON nor under
 * `util.inspect`.
 */
export interface AccessToken {
  readonly accessToken: string;
  /** As it goes into the `Authorization` header; `DPoP` is of no use without a proof for each request (RFC 9449). */
  readonly tokenType: "Bearer" | "DPoP";
  /** Milliseconds since the epoch at which the request that brought it was sent. */
  readonly requestedAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  /** The authorization server that issued it; `undefined` for a static token. */
  readonly issuer: string | undefined;
  /** The RFC 8707 resource it was asked for; `undefined` where none was sent. */
  readonly resource: string | undefined;
  /** Everything but the token itself. */
  toJSON(): Record<string, unknown>;
}

/** What the runtime holds: with the token, what must accompany it. */
export class Token implements AccessToken {
  readonly #accessToken: string;
  readonly #binding: Binding | undefined;
  readonly #isShared: boolean;
  readonly #isProvisional: boolean;
  readonly tokenType: "Bearer" | "DPoP";
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  readonly issuer: string | undefined;
  readonly resource: string | undefined;

  constructor(fields: TokenFields) {
    this.#accessToken = fields.accessToken;
    // Wherever it came from, it is going to be sent.
    rememberShortLived(fields.accessToken);
    this.#binding = fields.binding;
    this.#isShared = fields.isShared ?? false;
    this.#isProvisional = fields.isProvisional ?? false;
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

  /** `undefined` for a token that works for whoever has it. */
  get binding(): Binding | undefined {
    return this.#binding;
  }

  /** Another process has asked for it, and put it into the store. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** Asked for without knowing what the MCP server wants: it is for this process alone. */
  get isProvisional(): boolean {
    return this.#isProvisional;
  }

  toJSON(): Record<string, unknown> {
    const { tokenType, requestedAt, expiresAt, scopes, issuer, resource } = this;
    return { accessToken: "<secret>", tokenType, requestedAt, expiresAt, scopes, issuer, resource };
  }

  [inspect.custom](): string {
    return `Token ${inspect(this.toJSON())}`;
  }
}
