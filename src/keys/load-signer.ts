import { constants, type KeyObject, verify } from "node:crypto";
import type { SignerKeySpec } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { readSecret } from "../secrets/read-secret.js";
import { askSigner } from "./ask-signer.js";
import { assertBegun, assertNotEnded, type Certificate, readCertificate } from "./certificate.js";
import { rawFromDer, signatureLength } from "./ecdsa-signature.js";
import { assertSuits } from "./key-algorithms.js";
import { plainPublicKey } from "./plain-rsa.js";
import {
  type JwtClaims,
  type JwtHeader,
  type KeyContext,
  keyInvalid,
  type PublicJwk,
  problemOf,
  type SigningKey,
  signerUnavailable,
  thumbprintOf,
} from "./signing-key.js";

/**
 * A key that never leaves a KMS or an HSM. What is known of it is what the config says; with its `certificate` also its
 * public half, against which every signature is then checked. Rejects with the codes of `readSecret` and with
 * `key_invalid`; its `sign` with `signer_unavailable` and `aborted`.
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
    async sign(header, claims, signal) {
      const input = signingInput(header, claims);
      const answer = await askSigner(spec.signer, header, Buffer.from(input, "ascii"), {
        ...context,
        signal: signal ?? context.signal,
      });
      const signature = joseForm(answer, spec, context.server);
      assertSigned(input, signature, spec, certificate, context.server);
      return `${input}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

async function certificateOf(spec: SignerKeySpec, context: KeyContext): Promise<Certificate | undefined> {
  const { certificate: reference, alg } = spec;
  if (reference === undefined) return undefined;
  const text = await readSecret(reference, context);
  try {
    const certificate = readCertificate(text.reveal());
    const now = (context.clock ?? systemClock).now();
    assertNotEnded(certificate, now);
    assertBegun(certificate, now);
    assertSuits(certificate.publicKey, alg);
    return certificate;
  } catch (error) {
    throw keyInvalid(reference, context.server, problemOf(error, "certificate"), "certificate");
  }
}

/** RFC 7515 §5.1. */
function signingInput(header: JwtHeader, claims: JwtClaims): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
  return `${part(header)}.${part(claims)}`;
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
  { alg, signer }: SignerKeySpec,
  certificate: Certificate | undefined,
  server: string,
): void {
  if (certificate === undefined || isSignature(input, signature, alg, certificate.publicKey)) return;
  throw signerUnavailable(
    server,
    signer,
    `its signature is not that of the key in the "certificate" for ${alg}. Check which key it signs with, and that it is ` +
      "given the input as it is: the tool, or the command, must hash it once and not twice.",
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
  } catch {
    return false;
  }
}
