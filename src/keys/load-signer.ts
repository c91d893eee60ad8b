import { constants, type KeyObject, verify } from "node:crypto";
import type { SignerKeySpec } from "../config/spec.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { systemClock } from "../lib/clock.js";
import { fingerprintOf } from "../lib/secret.js";
import { readKeyContent } from "../secrets/read-secret.js";
import { readWhenWritten } from "../secrets/read-when-written.js";
import { askSigner } from "./ask-signer.js";
import { BundleHistory } from "./bundle-history.js";
import { assertNotExpired, assertNotTooEarly, type Certificate, readCertificate } from "./certificate.js";
import { certificateParameters } from "./certificate-header.js";
import { rawFromDer, signatureLength } from "./ecdsa-signature.js";
import { invalidContent } from "./invalid-content.js";
import { assertKeySupports } from "./key-algorithms.js";
import { plainPublicKey } from "./rsa-pss.js";
import { signingInput } from "./sign-jwt.js";
import {
  type KeyContext,
  type PublicJwk,
  type SigningKey,
  signerUnavailable,
  thumbprintOf,
} from "./signing-key.js";

const certificates = new BundleHistory<SignerKeySpec, Certificate>();

/** New certificates while the signer still uses the key of the previous one. */
const notYetInUse = new WeakSet<Certificate>();

/**
 * Loads a key that stays in a KMS or an HSM. If the config has its `certificate`, every signature is verified with that
 * certificate. After a new certificate, as long as the signer still uses the key of the previous one, the previous
 * certificate is used, for at most ten minutes. Rejects with the codes of `readKeyContent` and with `key_invalid`. `sign`
 * rejects with `signer_unavailable` (retryable if the signature matches the other of the two certificates) and
 * `aborted`.
 */
export async function loadSigner(spec: SignerKeySpec, context: KeyContext): Promise<SigningKey> {
  const certificate = await certificateOf(spec, context);
  // All members of a public JWK are strings.
  const publicJwk = (certificate && plainPublicKey(certificate.publicKey).export({ format: "jwk" })) as
    | PublicJwk
    | undefined;
  const kid = spec.kid ?? (publicJwk && (await thumbprintOf(publicJwk)));
  return {
    kid: kid === false ? undefined : kid,
    kidFrom: spec.kid === undefined ? "thumbprint" : "config",
    algorithms: [spec.alg],
    configuredAlgorithm: spec.alg,
    publicJwk,
    certificateThumbprint: certificate?.thumbprint,
    certificateParameters: certificate && certificateParameters(certificate, spec.certificateHeaders),
    bundle: certificate ?? spec,
    async sign(header, claims, signal) {
      const input = signingInput(header, claims);
      const bytes = Buffer.from(input, "ascii");
      const output = await askSigner(spec.signer, header, bytes, signal ?? context.signal, context);
      const signature = toJoseForm(output, spec, context.server);
      if (certificate !== undefined) assertSigned(input, signature, spec, certificate, context);
      return `${input}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

async function certificateOf(spec: SignerKeySpec, context: KeyContext): Promise<Certificate | undefined> {
  const { certificate: reference, alg } = spec;
  if (reference === undefined) return undefined;
  const { server, clock = systemClock } = context;
  return await readWhenWritten([reference], context, async () => {
    const text = await readKeyContent(reference, context, "the certificate");
    const now = clock.now();
    const fingerprint = fingerprintOf([text]);
    try {
      let certificate = certificates.find(spec, fingerprint, now);
      if (certificate === undefined) {
        const found = readCertificate(text.reveal());
        assertNotTooEarly(found, now);
        assertKeySupports(found.publicKey, alg);
        assertNotExpired(found, now);
        // The chain counts only if it is sent.
        const identity = JSON.stringify([
          found.thumbprint,
          certificateParameters(found, spec.certificateHeaders),
        ]);
        const { expiresAt: endsAt } = found;
        certificate = certificates.keep(spec, { fingerprint, identity, bundle: found, endsAt }, now);
      }
      assertNotExpired(certificate, now);
      const previous = notYetInUse.has(certificate) ? certificates.predecessor(spec, now) : undefined;
      return { value: previous ?? certificate };
    } catch (error) {
      return await invalidContent(error, text, "certificate", reference, server);
    }
  });
}

/** Converts what a signer returned to a JOSE signature. Throws `signer_unavailable` if its length is not possible. */
function toJoseForm(output: Uint8Array, { alg, signer }: SignerKeySpec, server: string): Uint8Array {
  const isEcdsa = alg.startsWith("ES");
  const signature = signer.format === "der" && isEcdsa ? rawFromDer(output, alg) : output;
  const length = signatureLength(alg);
  const isPlausible =
    signature !== undefined &&
    (length === undefined
      ? signature.length >= 256 && signature.length <= 2_048
      : signature.length === length);
  if (isPlausible) return signature;
  const other = signer.format === "der" ? "raw" : "der";
  const hint = isEcdsa ? ` If the tool prints the other form, set the signer's "format" to "${other}".` : "";
  throw signerUnavailable(
    server,
    signer,
    `it did not return a valid ${alg} signature in the form "${signer.format}".${hint}`,
  );
}

/** Verifies a signature. Records which of the two last certificates the signer uses the key of. */
function assertSigned(
  input: string,
  signature: Uint8Array,
  spec: SignerKeySpec,
  certificate: Certificate,
  { server, clock = systemClock }: KeyContext,
): void {
  const { alg, signer } = spec;
  const matches = (candidate: Certificate | undefined): candidate is Certificate =>
    candidate !== undefined && isSignature(input, signature, alg, candidate.publicKey);
  if (matches(certificate)) return;
  const latest = certificates.last(spec);
  const previous = certificates.predecessor(spec, clock.now());
  const usesPrevious = latest !== undefined && matches(previous);
  if (usesPrevious) notYetInUse.add(latest);
  else if (matches(latest)) notYetInUse.delete(latest);
  const retryable = usesPrevious || matches(latest);
  throw signerUnavailable(
    server,
    signer,
    `its signature does not match the key in the "certificate" for ${alg}. Check which key it signs with, and that the ` +
      "input is hashed exactly once, by the tool or by the command.",
    retryable,
  );
}

function isSignature(input: string, signature: Uint8Array, alg: string, publicKey: KeyObject): boolean {
  const hash = alg.startsWith("Ed") ? null : `sha${alg.slice(2)}`;
  const options = {
    key: publicKey,
    dsaEncoding: "ieee-p1363",
    ...(alg.startsWith("PS") && {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  } as const;
  try {
    return verify(hash, Buffer.from(input, "ascii"), options, signature);
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return false;
  }
}
