import type { SecretReference } from "../../config/spec.js";
import type { Finding } from "../../diagnosis/finding.js";
import { checkSecretValue, type SecretUse } from "../../diagnosis/secret-text.js";
import { notForClients } from "../../diagnosis/token-request/other-credentials.js";
import { McpAuthError } from "../../errors/error.js";
import { systemClock } from "../../lib/clock.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { Secret } from "../../lib/secret.js";
import { unreachable } from "../../lib/unreachable.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { describeReference, isLocal, secretUnavailable } from "../../secrets/reference.js";
import { type ConfigSecret, referencesOf } from "./config-secrets.js";

/** What is wrong with a secret, and the reference that it is about. */
export interface SecretMistake {
  readonly error: McpAuthError;
  readonly reference: SecretReference;
}

/** What is unusual about a secret, and the reference that it is about. */
export interface SecretWarning {
  readonly finding: Finding;
  readonly reference: SecretReference;
}

export interface CheckedSecret {
  readonly mistakes: readonly SecretMistake[];
  readonly warning?: SecretWarning | undefined;
}

/**
 * Reads a secret of the config as a token request would, and looks at what it holds. Of a key with several parts, all
 * that cannot be read are reported. Rejects with `aborted`.
 */
export async function checkConfigSecret(
  secret: ConfigSecret,
  context: SecretContext,
): Promise<CheckedSecret> {
  const references = referencesOf(secret);
  const [main] = references;
  if (main === undefined) return { mistakes: [] };
  try {
    const finding = await readAndCheck(secret, context);
    return { mistakes: [], warning: finding && { finding, reference: main } };
  } catch (error) {
    const failure = expectedFailure(error);
    // The message names the reference.
    const isAbout = (reference: SecretReference) => failure.message.includes(describeReference(reference));
    const first = { error: failure, reference: references.find(isAbout) ?? main };
    const others = references.length === 1 ? [] : await findUnreadable(secret, context);
    return { mistakes: others.length === 0 ? [first] : others };
  }
}

/** Returns the variables and files that cannot be read. Nothing is run a second time. */
async function findUnreadable(
  secret: ConfigSecret,
  context: SecretContext,
): Promise<readonly SecretMistake[]> {
  const mistakes: SecretMistake[] = [];
  for (const reference of referencesOf(secret).filter(isLocal)) {
    try {
      await readSecret(reference, context, partName(secret, reference));
    } catch (error) {
      mistakes.push({ error: expectedFailure(error), reference });
    }
  }
  return mistakes;
}

/** Returns what a part of a key is, for messages. */
function partName(secret: ConfigSecret, reference: SecretReference): string | undefined {
  const names = (parts: Readonly<Record<string, SecretReference | undefined>>) =>
    Object.entries(parts).find(([, part]) => part === reference)?.[0];
  if (secret.kind === "certificate") {
    const { cert, key, passphrase } = secret.certificate;
    return names({
      "the certificate": cert,
      "the key of the certificate": key,
      "the passphrase": passphrase,
    });
  }
  if (secret.kind !== "key" || "signer" in secret.key) return undefined;
  const { privateKey, passphrase, certificate } = secret.key;
  return names({
    "the private key": privateKey,
    "the passphrase": passphrase,
    "the certificate": certificate,
  });
}

/** Returns an error that says what is wrong with a secret, and throws any other. */
export function expectedFailure(error: unknown): McpAuthError {
  if (error instanceof McpAuthError && error.code !== "aborted") return error;
  throw error;
}

/** Each reference is read once, because that may run a command. */
async function readAndCheck(secret: ConfigSecret, context: SecretContext): Promise<Finding | undefined> {
  switch (secret.kind) {
    case "secret":
      return checkText(secret.reference, await readSecret(secret.reference, context), "other");
    case "token":
      return checkToken(secret.reference, await readSecret(secret.reference, context), context);
    case "static token": {
      const { readTokenText } = await import("../../oauth/grants/static.js");
      return checkToken(secret.reference, await readTokenText(secret.reference, context), context);
    }
    case "assertion": {
      const { readPlatformAssertion } = await import("../../oauth/client-auth/platform-assertion.js");
      await readPlatformAssertion(secret.reference, { clock: systemClock, ...context });
      return undefined;
    }
    case "client secret": {
      const value = await readSecret(secret.reference, context);
      if (secret.signs) {
        const { assertCanSign } = await import("../../oauth/client-auth/client-secret-jwt.js");
        assertCanSign(secret.reference, value, context.server);
      }
      return checkText(secret.reference, value, "client secret");
    }
    case "encryption key":
      await (await import("../../keys/store-secret.js")).readEncryptionKey(secret.reference, context);
      return undefined;
    case "redis url":
      await (await import("../../keys/store-secret.js")).readRedisUrl(secret.reference, context);
      return undefined;
    case "header": {
      const { readHeader } = await import("../../secrets/read-header.js");
      return checkText(secret.reference, await readHeader(secret.reference, context), "other");
    }
    case "key":
      await (await import("../../keys/load-key.js")).loadKey(secret.key, context);
      return undefined;
    case "certificate": {
      const { loadTlsIdentity } = await import("../../keys/load-tls-identity.js");
      const { isForClients } = await loadTlsIdentity(secret.certificate, context);
      return isForClients === false
        ? notForClients(`the certificate in ${describeReference(secret.certificate.cert)}`)
        : undefined;
    }
    case "subject":
      return undefined;
    default:
      return unreachable(secret);
  }
}

function checkText(reference: SecretReference, secret: Secret, use: SecretUse): Finding | undefined {
  return checkSecretValue(secret.reveal(), use, describeReference(reference));
}

/** Checks a token that something else has issued. Throws `secret_unavailable` for a JWT that has expired. */
function checkToken(
  reference: SecretReference,
  token: Secret,
  { server }: SecretContext,
): Finding | undefined {
  const exp = jwtClaims(token.reveal())?.["exp"];
  if (typeof exp !== "number" || exp * 1_000 > systemClock.now()) return checkText(reference, token, "token");
  throw secretUnavailable(
    reference,
    server,
    'its "exp" is in the past. Replace the token, and check the clock of this machine.',
  );
}
