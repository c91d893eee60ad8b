import type { ClientSpec, SecretReference } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { registeredAlgorithms } from "../../keys/choose-algorithm.js";
import { knownNames } from "../../lib/printable.js";
import type { Secret } from "../../lib/secret.js";
import { readClientSecret, type SecretContext } from "../../secrets/read-secret.js";
import { describeReference } from "../../secrets/reference.js";
import {
  addClientAssertion,
  audienceOf,
  clientAssertionClaims,
  clientAssertionType,
} from "./client-assertion.js";
import type { AssertionSigning, PreparedAuth } from "./client-auth.js";
import { secretFacts } from "./secret-facts.js";

/** HS256 first, because every server with this method supports it. `bytes` is the length of the hash. */
const algorithms = [
  { alg: "HS256", bytes: 32 },
  { alg: "HS384", bytes: 48 },
  { alg: "HS512", bytes: 64 },
] as const;

type Algorithm = (typeof algorithms)[number];

/**
 * `client_secret_jwt`, OpenID Connect Core §9: a client assertion like that of `private_key_jwt`, but signed with the
 * client secret (in UTF-8), which is not sent. Uses the first algorithm that the server lists and that the secret is
 * long enough for.
 *
 * Rejects with `unsupported_by_server` before the secret is read, with `secret_unavailable`, and with `key_invalid` for
 * a secret shorter than the hash (RFC 7518 §3.2).
 */
export async function clientSecretJwt(
  reference: SecretReference,
  spec: Pick<ClientSpec, "assertionAudience" | "assertionLifetime" | "assertionType">,
  metadata: AuthorizationServerMetadata,
  { time, url }: AssertionSigning,
  context: SecretContext,
): Promise<PreparedAuth> {
  const { server } = context;
  const listed = listedAlgorithms(metadata, server);
  const secret = await readClientSecret(reference, context);
  const key = Buffer.from(secret.reveal(), "utf8");
  const algorithm = listed.find(({ bytes }) => key.length >= bytes);
  if (algorithm === undefined) throw secretTooShort(reference, listed, server);
  const audience = audienceOf(spec.assertionAudience, metadata, url);
  const header = { alg: algorithm.alg, typ: spec.assertionType ?? clientAssertionType };
  return {
    secret: secretFacts(reference, secret),
    assertion: { ...header, audience: spec.assertionAudience ?? "issuer" },
    apply: async function addSecretAssertion(_authorizationServer, client, body) {
      const { CompactSign } = await import("jose/jws/compact/sign");
      const claims = clientAssertionClaims({
        clientId: client.client_id,
        audience,
        lifetime: spec.assertionLifetime,
        now: time.now(),
      });
      const payload = new TextEncoder().encode(JSON.stringify(claims));
      addClientAssertion(body, await new CompactSign(payload).setProtectedHeader(header).sign(key));
    },
  };
}

/** Returns the algorithms of ours that the server lists. Without a list, returns the most common one. */
function listedAlgorithms(metadata: AuthorizationServerMetadata, server: string): readonly Algorithm[] {
  const { issuer, token_endpoint_auth_signing_alg_values_supported: listed } = metadata;
  if (listed === undefined) return algorithms.slice(0, 1);
  const possible = algorithms.filter(({ alg }) => listed.includes(alg));
  if (possible.length > 0) return possible;
  throw new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": the authorization server ${issuer} does not accept a signature made with a client secret ` +
      `(${names(algorithms)}). It lists ${knownNames(listed, registeredAlgorithms) || "none"}. Set the client's "method" ` +
      'to one that sends the secret, or give it a "key".',
    { server, details: { token_endpoint_auth_signing_alg_values_supported: listed } },
  );
}

/** Throws `key_invalid` if a secret is too short for the algorithm that every server with this method supports. */
export function assertCanSign(reference: SecretReference, secret: Secret, server: string): void {
  const [shortest] = algorithms;
  const isLongEnough = Buffer.byteLength(secret.reveal(), "utf8") >= shortest.bytes;
  if (!isLongEnough) throw secretTooShort(reference, [shortest], server);
}

function secretTooShort(
  reference: SecretReference,
  listed: readonly Algorithm[],
  server: string,
): McpAuthError {
  const least = Math.min(...listed.map(({ bytes }) => bytes));
  return new McpAuthError(
    "key_invalid",
    `Server "${server}": the client secret in ${describeReference(reference)} is too short to sign with ` +
      `${names(listed)}: at least ${least} bytes are required (RFC 7518 §3.2). Create a longer one, or set the client's ` +
      '"method" to one that sends the secret.',
    { server },
  );
}

function names(some: readonly Algorithm[]): string {
  return some.map(({ alg }) => alg).join(", ");
}
