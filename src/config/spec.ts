import type { McpAuthError } from "../errors/error.js";

/**
 * The config as the runtime sees it: validated, interpolated, defaults merged, names followed, durations in
 * milliseconds, paths absolute. Nothing secret is in it, only where secrets are.
 */
export interface ConfigSpec {
  /** The file it came from; absent for an object. */
  readonly file?: string;
  readonly servers: ReadonlyMap<string, ServerEntry>;
}

/** A server that is ready to use, or the reason why it is not (a `${NAME}` without a value, an `http:` URL). */
export type ServerEntry =
  | { readonly name: string; readonly spec: ServerSpec }
  | { readonly name: string; readonly failure: McpAuthError };

export interface ServerSpec {
  readonly name: string;
  /** As written: it is also the resource indicator when the server publishes none, byte for byte. */
  readonly url: string;
  readonly grant: GrantSpec;
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  readonly refresh: RefreshSpec;
  /** One attempt at a token or metadata request, in milliseconds. */
  readonly timeout: number;
  /** One acquisition of a token with all its attempts, in milliseconds. */
  readonly deadline: number;
  readonly retry: RetrySpec;
  readonly reach: "origin" | "path";
}

export interface RetrySpec {
  readonly attempts: number;
  /** Milliseconds. */
  readonly min: number;
  /** Milliseconds. */
  readonly max: number;
}

export interface RefreshSpec {
  /** False with `"refresh": false`: tokens are renewed on demand only, by no timer. */
  readonly automatic: boolean;
  readonly schedule?: string;
  readonly timezone: string;
  /** Share of the window by which a renewal may come early, 0 to 1. */
  readonly jitter: number;
  /** Replaces the computed window, milliseconds before the token becomes unusable. */
  readonly ahead?: number;
  /** Milliseconds without use after which renewals stop; `undefined` keeps the manager warm. */
  readonly idle?: number;
  /** Milliseconds a token lives that says nothing about its lifetime. */
  readonly assumedLifetime: number;
}

export type SecretReference =
  | { readonly env: string }
  /** An absolute path. */
  | { readonly file: string };

export type GrantSpec =
  | {
      readonly type: "client_credentials";
      readonly client: ClientSpec;
      /** Absent: the server's metadata decides. */
      readonly scopes?: readonly string[];
    }
  | {
      readonly type: "static";
      readonly token: SecretReference;
      readonly scopes?: readonly string[];
      /** Milliseconds. */
      readonly lifetime?: number;
    };

export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "private_key_jwt"
  | "none";

export interface ClientSpec {
  readonly issuer: string;
  readonly id: string;
  readonly credential: CredentialSpec;
  /** Overrides the choice made from the server's metadata. */
  readonly method?: ClientAuthenticationMethod;
}

export type CredentialSpec =
  | { readonly kind: "secret"; readonly secret: SecretReference }
  | { readonly kind: "key"; readonly key: KeySpec }
  | { readonly kind: "none" };

export interface KeySpec {
  readonly privateKey: SecretReference;
  readonly passphrase?: SecretReference;
  readonly alg?: string;
  /** `false` sends none; absent: the JWK's own, else the RFC 7638 thumbprint. */
  readonly kid?: string | false;
}
