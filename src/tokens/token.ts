import { rememberShortLived } from "../errors/sent-credentials.js";
import { customInspect } from "../lib/custom-inspect.js";
import type { Binding } from "../oauth/issued-token.js";

export interface TokenFields {
  readonly accessToken: string;
  readonly tokenType: "Bearer" | "DPoP";
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  readonly issuer: string | undefined;
  readonly resource?: string | undefined;
  readonly binding?: Binding | undefined;
  /** Another process requested it. */
  readonly isShared?: boolean;
  /** Requested before the metadata of the MCP server was known. It is not shared with other processes. */
  readonly isProvisional?: boolean;
}

/**
 * An access token with its expiry and scopes. Immutable. JSON and `util.inspect` show `<secret>` instead of the token.
 */
export interface AccessToken {
  readonly accessToken: string;
  /** The scheme for the `Authorization` header. `DPoP` needs a proof for each request (RFC 9449 §7.1). */
  readonly tokenType: "Bearer" | "DPoP";
  /** Time of the token request, in milliseconds since the epoch. */
  readonly requestedAt: number;
  /** Expiry, in milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  /** The authorization server that issued it; `undefined` for a static token. */
  readonly issuer: string | undefined;
  /** The resource that it was requested for (RFC 8707); `undefined` if none was sent. */
  readonly resource: string | undefined;
  /** Returns all fields, with `<secret>` instead of the token. */
  toJSON(): Record<string, unknown>;
}

/** A token with the key or certificate that it is bound to. */
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
    // Remembered for all tokens, because each may be sent and then quoted by a server.
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

  /** The key or certificate that must accompany the token; `undefined` for a bearer token. */
  get binding(): Binding | undefined {
    return this.#binding;
  }

  /** Another process requested it and put it into the store. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** Requested before the metadata of the MCP server was known. It is not shared with other processes. */
  get isProvisional(): boolean {
    return this.#isProvisional;
  }

  toJSON(): Record<string, unknown> {
    const { tokenType, requestedAt, expiresAt, scopes, issuer, resource } = this;
    return { accessToken: "<secret>", tokenType, requestedAt, expiresAt, scopes, issuer, resource };
  }

  [customInspect](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    return `Token ${inspect(this.toJSON(), options)}`;
  }
}
