import { generateKeyPairSync, type KeyObject, type RSAPSSKeyPairKeyObjectOptions } from "node:crypto";
import { calculateJwkThumbprint, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { KeySpec } from "../../../src/config/spec.js";
import { loadKey } from "../../../src/keys/load-key.js";
import { loadTlsIdentity } from "../../../src/keys/load-tls-identity.js";
import { plainPublicKey } from "../../../src/keys/rsa-pss.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import { selfSigned } from "../../support/certificates.js";
import { rejectionOf } from "../../support/rejection-of.js";

const context = (env: Record<string, string>) => ({ server: "billing", env });
const pkcs8 = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const key: KeySpec = { privateKey: { env: "KEY" } };

function bound(hashAlgorithm: string, saltLength: number, mgf1HashAlgorithm = hashAlgorithm) {
  const options = { modulusLength: 2048, hashAlgorithm, mgf1HashAlgorithm, saltLength };
  // The types of Node require a string for the length of the salt, but Node requires a number.
  return generateKeyPairSync("rsa-pss", options as unknown as RSAPSSKeyPairKeyObjectOptions);
}
const free = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });

/** Returns the message of the `key_invalid` that a load rejects with. */
async function keyInvalidMessage(work: Promise<unknown>): Promise<string> {
  const error = await rejectionOf(work);
  expect(error.code).toBe("key_invalid");
  return error.message;
}

describe("an RSA key that is restricted to PSS", () => {
  it.each([
    ["no parameters", free, ["PS256", "PS384", "PS512"]],
    ["SHA-256", bound("sha256", 32), ["PS256"]],
    ["SHA-384 and a shorter salt at least", bound("sha384", 20), ["PS384"]],
    ["SHA-512", bound("sha512", 64), ["PS512"]],
  ] as const)(
    "and to %s signs with the allowed algorithms",
    async (_, { privateKey, publicKey }, algorithms) => {
      const loaded = await loadKey(key, context({ KEY: pkcs8(privateKey) }));
      expect(loaded.algorithms).toEqual(algorithms);
      const plain = plainPublicKey(publicKey);
      expect(loaded.publicJwk).toEqual(plain.export({ format: "jwk" }));
      expect(loaded.kid).toBe(await calculateJwkThumbprint(plain.export({ format: "jwk" })));
      for (const alg of algorithms) {
        const jwt = await signJwt(loaded, { alg, typ: "JWT", claims: { sub: "agent" }, server: "billing" });
        expect((await jwtVerify(jwt, plain)).payload).toEqual({ sub: "agent" });
      }
    },
  );

  it.each([
    ["SHA-1", bound("sha1", 20)],
    ["two different hashes", bound("sha256", 32, "sha512")],
    ["more salt than JOSE allows", bound("sha256", 40)],
  ])("and to %s is refused, because no algorithm is left", async (_, { privateKey }) => {
    expect(await keyInvalidMessage(loadKey(key, context({ KEY: pkcs8(privateKey) })))).toBe(
      'Server "billing": the private key in the environment variable "KEY" cannot be used: it is an RSA key restricted ' +
        "to PSS with parameters that no JOSE algorithm uses. Use one without parameters, or a plain RSA key.",
    );
  });

  it("is refused for an alg that it does not support", async () => {
    const env = { KEY: pkcs8(free.privateKey) };
    expect(await keyInvalidMessage(loadKey({ ...key, alg: "RS256" }, context(env)))).toContain(
      'it is an RSA key restricted to PSS, which signs PS256, PS384, PS512, but the "alg" of the config is "RS256".',
    );
    const only = { KEY: pkcs8(bound("sha256", 32).privateKey) };
    expect(await keyInvalidMessage(loadKey({ ...key, alg: "PS512" }, context(only)))).toContain(
      "which signs PS256, but",
    );
  });

  it("matches its certificate, also for TLS, where it stays restricted", async () => {
    const { certificate, privateKey } = await selfSigned({ keyType: "rsa-pss" });
    const env = { KEY: privateKey, CERT: certificate };
    const loaded = await loadKey({ ...key, certificate: { env: "CERT" } }, context(env));
    const identity = await loadTlsIdentity({ cert: { env: "CERT" }, key: { env: "KEY" } }, context(env));
    expect(identity.thumbprint).toBe(loaded.certificateThumbprint);
    expect(identity.privateKey.reveal()).toBe(privateKey);

    const other = await selfSigned({ keyType: "rsa-pss" });
    expect(
      await keyInvalidMessage(
        loadKey({ ...key, certificate: { env: "CERT" } }, context({ ...env, CERT: other.certificate })),
      ),
    ).toContain("it is the certificate of another key.");
  });
});
