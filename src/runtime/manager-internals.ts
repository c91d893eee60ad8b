import type { StoreSpec } from "../config/spec.js";
import type { StoreCommands } from "../sharing/store-commands.js";
import type { TokenManager } from "./token-manager.js";

/**
 * What an adapter for a host needs of a manager beyond the public API. A registered symbol, so that it also works
 * when two copies of the package meet in one process.
 */
export const managerInternals: unique symbol = Symbol.for("mcp-auth-runtime.manager-internals");

/** What `register` needs of an `McpAuth`, registered for the same reason. */
export const serverUrls: unique symbol = Symbol.for("mcp-auth-runtime.server-urls");

export interface McpAuthWithInternals {
  /** The URL of each server, also of one that cannot be used, by its name; where it is known. */
  readonly [serverUrls]: ReadonlyMap<string, string>;
}

export interface ManagerInternals {
  /** Milliseconds since the epoch, by the clock of the runtime. */
  now(): number;
  /**
   * The server answered 401 to this token; one that is no longer in use changes nothing. Resolves when the host may send
   * its request again, with another token where there is one. Rejects with the codes of `getAccessToken`, and with
   * `unauthorized` when the authorization server returned the same token again.
   */
  reportRefused(accessToken: string, challenge?: string | null): Promise<void>;
  /** The server answered a request with this token as one that it accepts; not every host sees that. */
  reportAccepted(accessToken: string): void;
  /**
   * The token that has not expired, for requests that cannot wait for one; `"bound"` where it is of no use alone, because a
   * proof or a certificate has to accompany it.
   */
  currentToken(): CurrentToken | "bound" | undefined;
  /** The token endpoint's answer that the host got by itself. Rejects with `token_response_invalid`. */
  acceptTokenResponse(response: HostTokenResponse): Promise<void>;
  /** The registered client; `undefined` for a grant other than `client_credentials`, which a host cannot make. */
  readonly client: { readonly id: string; readonly issuer: string } | undefined;
  /**
   * The scopes of the manager's own set: those of the config with what step-ups added, else `named`, which the host was
   * told by the server, else what the server's metadata names.
   */
  scopes(named: readonly string[] | undefined): Promise<readonly string[]>;
  /** The names, as the config has them, of the headers whose values come from secrets. */
  readonly secretHeaders: readonly string[];
  /**
   * Throws `egress_denied` for a URL that the server's tokens may not go to: one that lies outside of its `reach`, lacks a
   * parameter of its query, or cannot be parsed. `what` names the URL at the beginning of the message.
   */
  assertWithinReach(url: string, what: string): void;
  /**
   * Adds the client's credential to a token request that the host makes. Rejects with `issuer_mismatch` when the
   * request does not go to the token endpoint of the pinned issuer, and with `sender_constrained` when the token that it
   * brings would be bound to a key or certificate that the host does not have.
   */
  authenticate(request: HostTokenRequest): Promise<void>;
  /** What is stored for this server, and shared with other processes; `undefined` where tokens are in memory alone. */
  readonly store: StoreCommands | undefined;
}

export interface CurrentToken {
  readonly accessToken: string;
  /** The value of the header. */
  readonly authorization: string;
}

export interface HostTokenRequest {
  readonly url: string;
  /** `issuer` of the metadata that the host found, when it found any. */
  readonly issuer: string | undefined;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/** RFC 6749 §5.1, not judged yet. */
export interface HostTokenResponse {
  readonly access_token: string;
  readonly token_type: string;
  /** Seconds. */
  readonly expires_in?: number | undefined;
  readonly scope?: string | undefined;
}

export interface ManagerWithInternals extends TokenManager {
  readonly [managerInternals]: ManagerInternals;
}

/** Rejects with `config_invalid` where the package that a store of this type needs is not installed. */
export async function assertStorePackage({ type }: Pick<StoreSpec, "type">): Promise<void> {
  if (type === "redis") await (await import("../stores/redis-client.js")).loadRedis();
}

/**
 * The internals of a manager that this package made; anything else is a mistake of the caller. It is another one once a
 * reload has replaced what the tokens depend on, so it is asked for when it is used.
 */
export function internalsOf(manager: TokenManager): ManagerInternals {
  // Only our own managers carry the symbol; the check below says so of any other.
  const internals = (manager as Partial<ManagerWithInternals>)[managerInternals];
  if (internals === undefined) throw new TypeError("Not a token manager of mcp-auth-runtime.");
  return internals;
}
