import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { McpAuthError } from "../../errors/error.js";
import type { TestClient, TestJwks } from "./public-types.js";

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
