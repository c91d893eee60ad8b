import type { McpAuthErrorCode } from "../../errors/error.js";
import type { PrefetchedSecrets } from "../../secrets/prefetched-secrets.js";
import type { Binding } from "../token-endpoint/binding.js";

/** Named like the event that tells of it. */
export type CredentialChange = "secret:changed" | "key:rotated";

/** What one attempt of a grant may use. Every attempt builds its request afresh. */
export interface GrantAttempt {
  /** Aborted when the deadline of the acquisition passes or the manager stops. */
  readonly signal: AbortSignal;
  /** What was read for this attempt already. */
  readonly prefetched?: PrefetchedSecrets | undefined;
  /** Something is off that does not stop the request. The message is ours, with nothing in it that a server chose. */
  readonly warn?: (code: McpAuthErrorCode | "clock_skew", message?: string) => void;
  /** A credential was read that differs from the one that the request before was made with. */
  readonly noticed?: (change: CredentialChange) => void;
}

/** A validated token endpoint response, RFC 6749 §5.1, or what stands for one. */
export interface IssuedToken {
  readonly accessToken: string;
  /** As it goes into the `Authorization` header. */
  readonly tokenType: "Bearer" | "DPoP";
  /** Seconds; absent when the server did not say and the token is not a JWT that does. */
  readonly expiresIn?: number;
  /** Milliseconds since the epoch at which the request was sent: the lifetime counts from here. */
  readonly requestedAt: number;
  readonly scopes: readonly string[];
  /** Absent for a `static` token. */
  readonly issuer?: string;
  /** Absent when none was sent. */
  readonly resource?: string | undefined;
  /** Absent for a token that works for whoever has it. */
  readonly binding?: Binding | undefined;
  /** Asked for without knowing what the MCP server wants, whose metadata could not be read: it is for nobody else. */
  readonly isProvisional?: boolean;
}

/**
 * A way to get a token. One call is one attempt: no retrying, no caching. Rejects with `McpAuthError` only;
 * `retryable` tells whether another attempt may help and `retryAfter` when.
 */
export type Grant = (attempt: GrantAttempt) => Promise<IssuedToken>;
