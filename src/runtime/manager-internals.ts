import type { ProxySpec, StoreSpec } from "../config/spec.js";
import type { Secret } from "../lib/secret.js";
import type { AttemptContext, AttemptOptions } from "../oauth/attempt.js";
import type { StoreCommands } from "../sharing/store-commands.js";
import type { Measurements } from "../telemetry/measurements.js";
import type { TokenManager } from "./token-manager.js";

/**
 * Key of the internals that adapters for hosts need besides the public API. A registered symbol, so that it also works
 * if two copies of the package are loaded in one process.
 */
export const managerInternals: unique symbol = Symbol.for("mcp-auth-runtime.manager-internals");

/** Key of the server URLs that `register` needs. Registered for the same reason. */
export const serverUrls: unique symbol = Symbol.for("mcp-auth-runtime.server-urls");

/** Key of what the proxy needs. Registered for the same reason. */
export const proxyInternals: unique symbol = Symbol.for("mcp-auth-runtime.proxy-internals");

export interface McpAuthWithInternals {
  /** The known URLs by server name, including those of servers that cannot be used. */
  readonly [serverUrls]: ReadonlyMap<string, string>;
  readonly [proxyInternals]: ProxyInternals;
}

export interface ProxyInternals {
  /** The section `proxy` of the config. */
  readonly settings: ProxySpec;
  /** The file of the config, `undefined` for an object. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Returns whether `allow` of the host permits a file of the config. Compares real paths. */
  mayUse(file: string): Promise<boolean>;
  /** Reads the `token` of the settings. Rejects with `secret_unavailable`. */
  readToken(): Promise<Secret | undefined>;
  /** Why the store cannot be used at the moment, if it cannot. `undefined` if tokens are only in memory. */
  store(): { readonly failure?: string } | undefined;
  /** Milliseconds since the epoch, by the clock of the runtime. */
  now(): number;
  /** What the proxy shows as metrics. */
  readonly measurements: Pick<Measurements, "subscribe" | "attributesOf" | "commonGauges">;
  /** Calls the listener when the runtime is stopped, or at once if it was stopped. */
  onStop(listener: () => void): void;
}

export interface ManagerInternals {
  /** Milliseconds since the epoch, by the clock of the runtime. */
  now(): number;
  /** Milliseconds that getting a token may take. */
  readonly deadline: number;
  /**
   * The server answered 401 to this token. A token that is no longer in use changes nothing. Resolves when the host may
   * send its request again, with another token if there is one. Rejects with the codes of `getAccessToken`, and with
   * `unauthorized` if the authorization server returned the same token again.
   */
  reportRefused(accessToken: string, challenge?: string | null): Promise<void>;
  /** The server accepted this token. Not every host can see that. */
  reportAccepted(accessToken: string): void;
  /**
   * Returns the unexpired token, for requests that cannot wait. Returns `"bound"` for a token that needs a proof or a
   * certificate.
   */
  currentToken(): CurrentToken | "bound" | undefined;
  /** Accepts the response to a token request that the host sent. Rejects with `token_response_invalid`. */
  acceptTokenResponse(response: HostTokenResponse): Promise<void>;
  /** The registered client. `undefined` for grants other than `client_credentials`, which a host cannot request. */
  readonly client: { readonly id: string; readonly issuer: string } | undefined;
  /**
   * Returns the default scopes: those of the config and of step-ups, else `named`, which the server told the host, else
   * those in the server's metadata.
   */
  scopes(named: readonly string[] | undefined): Promise<readonly string[]>;
  /**
   * The server wants these scopes too. If the config allows them, they become default scopes, as after a 403. Rejects
   * with `insufficient_scope`, and with the codes of `getAccessToken`.
   */
  stepUp(wanted: readonly string[]): Promise<void>;
  /** The headers in the config whose values do not come from secrets. */
  readonly plainHeaders: Readonly<Record<string, string>>;
  /** The names of the headers in the config whose values come from secrets. */
  readonly secretHeaders: readonly string[];
  /**
   * Throws `egress_denied` for a URL to which the server's tokens must not be sent: one that is outside of its `reach`,
   * lacks a query parameter of its URL, or cannot be parsed. `what` names the URL at the beginning of the message.
   */
  assertUrlOfServer(url: string, what: string): void;
  /**
   * Adds the client's credential to a token request of the host. Rejects with `issuer_mismatch` if the request does not
   * go to the token endpoint of the configured issuer, and with `sender_constrained` if the token would be bound to a
   * key or certificate that the host does not have.
   */
  authenticate(request: HostTokenRequest): Promise<void>;
  /** Creates the context of requests that a command sends to the servers itself. */
  attempt(options: Pick<AttemptOptions, "signal" | "warn">): AttemptContext;
  /** Commands for the stored entries of this server. `undefined` if tokens are only in memory. */
  readonly store: StoreCommands | undefined;
}

export interface CurrentToken {
  readonly accessToken: string;
  /** The value of the header. */
  readonly authorization: string;
}

export interface HostTokenRequest {
  readonly url: string;
  /** `issuer` in the metadata that the host found, if any. */
  readonly issuer: string | undefined;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/** RFC 6749 §5.1, not validated yet. */
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
 * Returns the internals of a manager of this package. Throws `TypeError` for any other object. Call it at each use,
 * because a reload can replace the internals.
 */
export function internalsOf(manager: TokenManager): ManagerInternals {
  // Only our own managers have the symbol. The check below handles all others.
  const internals = (manager as Partial<ManagerWithInternals>)[managerInternals];
  if (internals === undefined) throw new TypeError("Not a token manager of mcp-auth-runtime.");
  return internals;
}
