import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { McpAuthError } from "../../errors/error.js";

/** A client with neither a secret nor a key is public: it authenticates with `none`. */
export interface TestClient {
  /** For `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1). */
  readonly secret?: string;
  /** The public keys for `private_key_jwt` (RFC 7523 §2.2). */
  readonly jwks?: TestJwks;
  /** The scopes that the client may request. Without `scope` in the request, it gets all of them. Default: any scope. */
  readonly scopes?: readonly string[];
}

/** A JWK set (RFC 7517 §5). Only its public members are read. */
export interface TestJwks {
  readonly keys: readonly object[];
}

/** A party whose JWTs the server accepts. */
export interface TestIssuer {
  readonly jwks: TestJwks;
}

/** A public key that verifies signatures. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

export interface RegisteredClient extends Pick<TestClient, "secret" | "scopes"> {
  readonly id: string;
  readonly keys: readonly VerificationKey[];
}

/** Returns the clients by id. Throws `config_invalid` for a key that cannot be read. */
export function registeredClients(
  clients: Readonly<Record<string, TestClient>>,
): ReadonlyMap<string, RegisteredClient> {
  return new Map(
    Object.entries(clients).map(([id, { secret, scopes, jwks }]) => {
      const keys = verificationKeys(jwks, `The "jwks" of the client "${id}"`);
      return [id, { id, keys, ...(secret !== undefined && { secret }), ...(scopes && { scopes }) }];
    }),
  );
}

/** Returns the public keys of a set. Throws `config_invalid` for a key that cannot be read. */
export function verificationKeys(jwks: TestJwks | undefined, what: string): readonly VerificationKey[] {
  return (jwks?.keys ?? []).map((jwk) => {
    const { kid }: { kid?: unknown } = jwk;
    try {
      // Node checks the members, and ignores those of a private key.
      const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
      return { key, kid: typeof kid === "string" ? kid : undefined };
    } catch {
      throw new McpAuthError("config_invalid", `${what} has a key that is not a public JWK. Use a key pair.`);
    }
  });
}
