import { constants, type KeyObject, verify } from "node:crypto";
import type { SignerKeySpec } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { isProgrammingError } from "../lib/programming-error.js";
import { fingerprintOf } from "../lib/secret.js";
import { onceWritten } from "../secrets/once-written.js";
import { readSecret } from "../secrets/read-secret.js";
import { askSigner } from "./ask-signer.js";
import { Bundles } from "./bundles.js";
import { assertBegun, assertNotEnded, type Certificate, readCertificate } from "./certificate.js";
import { rawFromDer, signatureLength } from "./ecdsa-signature.js";
import { assertSuits } from "./key-algorithms.js";
import { plainPublicKey } from "./plain-rsa.js";
import { signingInput } from "./sign-jwt.js";
import {
  type KeyContext,
  keyInvalid,
  type PublicJwk,
  problemOf,
  type SigningKey,
  signerUnavailable,
  thumbprintOf,
  Unfinished,
} from "./signing-key.js";

const certificates = new Bundles<SignerKeySpec, Certificate>();

/** Certificates that were put in place before the signer used their key. */
const early = new WeakSet<Certificate>();

/**
 * Loads a key that never leaves a KMS or an HSM. The config describes it; its `certificate` has the public half, which
 * every signature is checked against. As long as the signer still uses the key of the previous certificate, that one is
 * used with it, for ten minutes. Rejects with the codes of `readSecret` and with `key_invalid`; its `sign` with
 * `signer_unavailable` (retryable when it signs for the other of two certificates) and `aborted`.
 */
export async function loadSigner(spec: SignerKeySpec, context: KeyContext): Promise<SigningKey> {
  const certificate = await certificateOf(spec, context);
  // A public key in JWK form has nothing but strings.
  const publicJwk = (certificate && plainPublicKey(certificate.publicKey).export({ format: "jwk" })) as
    | PublicJwk
    | undefined;
  const kid = spec.kid ?? (publicJwk && (await thumbprintOf(publicJwk)));
  return {
    kid: kid === false ? undefined : kid,
    algorithms: [spec.alg],
    configuredAlgorithm: spec.alg,
    publicJwk,
    certificateThumbprint: certificate?.thumbprint,
    bundle: certificate ?? spec,
    async sign(header, claims, signal) {
      const input = signingInput(header, claims);
      const ends = signal ?? context.signal;
      const answer = await askSigner(spec.signer, header, Buffer.from(input, "ascii"), ends, context);
      const signature = joseForm(answer, spec, context.server);
      if (certificate !== undefined) assertSigned(input, signature, spec, certificate, context);
      return `${input}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

async function certificateOf(spec: SignerKeySpec, context: KeyContext): Promise<Certificate | undefined> {
  const { certificate: reference, alg } = spec;
  if (reference === undefined) return undefined;
  const { server, clock = systemClock } = context;
  return await onceWritten([reference], context, async () => {
    const text = await readSecret(reference, context);
    const now = clock.now();
    const fingerprint = fingerprintOf([text]);
    try {
      let certificate = certificates.find(spec, fingerprint, now);
      if (certificate === undefined) {
        const found = readCertificate(text.reveal());
        assertBegun(found, now);
        assertSuits(found.publicKey, alg);
        assertNotEnded(found, now);
        const { thumbprint: identity, expiresAt: endsAt } = found;
        certificate = certificates.keep(spec, { fingerprint, identity, bundle: found, endsAt }, now);
      }
      assertNotEnded(certificate, now);
      const before = early.has(certificate) ? certificates.predecessor(spec, now) : undefined;
      return { value: before ?? certificate };
    } catch (error) {
      const invalid = keyInvalid(reference, server, problemOf(error, "certificate"), "certificate");
      return { error: invalid, halfWritten: error instanceof Unfinished ? "perhaps" : "no" };
    }
  });
}

/** The signature as JOSE has it, of a length that it can have. */
function joseForm(answer: Uint8Array, { alg, signer }: SignerKeySpec, server: string): Uint8Array {
  const isEcdsa = alg.startsWith("ES");
  const signature = signer.format === "der" && isEcdsa ? rawFromDer(answer, alg) : answer;
  const length = signatureLength(alg);
  const isPlausible =
    signature !== undefined &&
    (length === undefined
      ? signature.length >= 256 && signature.length <= 2_048
      : signature.length === length);
  if (isPlausible) return signature;
  const other = signer.format === "der" ? "raw" : "der";
  const hint = isEcdsa ? ` If the tool gives the other form, set the signer's "format" to "${other}".` : "";
  throw signerUnavailable(
    server,
    signer,
    `what it gives is no ${alg} signature in the form "${signer.format}".${hint}`,
  );
}

function assertSigned(
  input: string,
  signature: Uint8Array,
  spec: SignerKeySpec,
  certificate: Certificate,
  { server, clock = systemClock }: KeyContext,
): void {
  const { alg, signer } = spec;
  const isOf = (one: Certificate | undefined): one is Certificate =>
    one !== undefined && isSignature(input, signature, alg, one.publicKey);
  if (isOf(certificate)) return;
  const latest = certificates.last(spec);
  const before = certificates.predecessor(spec, clock.now());
  const isAhead = latest !== undefined && isOf(before);
  if (isAhead) early.add(latest);
  else if (isOf(latest)) early.delete(latest);
  const another = isAhead || isOf(latest);
  throw signerUnavailable(
    server,
    signer,
    `its signature is not that of the key in the "certificate" for ${alg}. Check which key it signs with, and that it is ` +
      "given the input as it is: the tool, or the command, must hash it once and not twice.",
    another,
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
