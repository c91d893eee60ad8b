import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { calculateJwkThumbprint, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PrivateKeySpec } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { loadKey } from "../../../src/keys/load-key.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import type { SigningKey } from "../../../src/keys/signing-key.js";
import { backdate } from "../secrets/backdate.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const ed25519 = generateKeyPairSync("ed25519");

type Rest = Omit<PrivateKeySpec, "privateKey">;

/** Loads a key whose text is in an environment variable. */
const load = (text: string, rest: Rest = {}, env: Record<string, string> = {}): Promise<SigningKey> =>
  loadKey({ privateKey: { env: "KEY" }, ...rest }, { server: "billing", env: { KEY: text, ...env } });

async function problem(text: string, rest: Rest = {}, env: Record<string, string> = {}): Promise<string> {
  const error: unknown = await load(text, rest, env).catch((thrown: unknown) => thrown);
  if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  expect(error).toMatchObject({ code: "key_invalid", server: "billing", retryable: false });
  expect(error.cause).toBeUndefined();
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9 })}${JSON.stringify(error)}`;
  // No part of the key is shown, not even its first characters.
  for (const secret of [text, ...Object.values(env)]) {
    for (const run of secret.match(/[A-Za-z0-9+/_-]{16,}/g) ?? []) {
      if (!/^-----/.test(run)) expect(shown).not.toContain(run.slice(0, 16));
    }
  }
  const prefix = 'Server "billing": the private key in the environment variable "KEY" cannot be used: ';
  expect(error.message.startsWith(prefix)).toBe(true);
  return error.message.slice(prefix.length);
}

const pkcs8 = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const jwk = (key: KeyObject, more: object = {}) =>
  JSON.stringify({ ...key.export({ format: "jwk" }), ...more });
const jwks = (...keys: string[]) => `{"keys":[${keys.join(",")}]}`;

async function signsFor(key: SigningKey, publicKey: KeyObject): Promise<void> {
  for (const alg of key.algorithms) {
    const jwt = await signJwt(key, { alg, typ: "test+jwt", claims: { sub: "agent" }, server: "billing" });
    const { payload, protectedHeader } = await jwtVerify(jwt, publicKey, { algorithms: [alg] });
    expect(payload).toEqual({ sub: "agent" });
    expect(protectedHeader).toEqual({ alg, kid: key.kid, typ: "test+jwt" });
  }
}

describe("a key in PEM", () => {
  const rsaAll = ["PS256", "RS256", "PS384", "RS384", "PS512", "RS512"];

  it.each([
    ["RSA in PKCS#8", pkcs8(rsa.privateKey), rsa, rsaAll],
    ["RSA in PKCS#1", rsa.privateKey.export({ type: "pkcs1", format: "pem" }), rsa, rsaAll],
    ["EC P-256 in PKCS#8", pkcs8(p256.privateKey), p256, ["ES256"]],
    ["EC P-256 in SEC1", p256.privateKey.export({ type: "sec1", format: "pem" }), p256, ["ES256"]],
    ["EC P-384 in SEC1", p384.privateKey.export({ type: "sec1", format: "pem" }), p384, ["ES384"]],
    ["EC P-521 in SEC1", p521.privateKey.export({ type: "sec1", format: "pem" }), p521, ["ES512"]],
    ["Ed25519 in PKCS#8", pkcs8(ed25519.privateKey), ed25519, ["EdDSA", "Ed25519"]],
  ] as const)(
    "with %s signs with every algorithm of its type, and has the RFC 7638 thumbprint as kid",
    async (...row) => {
      const [, pem, pair, algorithms] = row;
      const key = await load(pem.toString());
      expect(key.algorithms).toEqual(algorithms);
      expect(key.kid).toBe(await calculateJwkThumbprint(pair.publicKey.export({ format: "jwk" })));
      expect(key.publicJwk).toEqual(pair.publicKey.export({ format: "jwk" }));
      await signsFor(key, pair.publicKey);
    },
  );

  it.each([
    ["Windows line ends", (pem: string) => pem.replaceAll("\n", "\r\n")],
    ["line breaks written as \\n, as in environment variables", (pem: string) => pem.replaceAll("\n", "\\n")],
    ["line breaks written as \\r\\n", (pem: string) => pem.replaceAll("\n", "\\r\\n")],
    ["indentation, as in YAML", (pem: string) => pem.replaceAll(/^/gm, "    ")],
    ["its base64 on one long line", (pem: string) => pem.replaceAll(/([A-Za-z0-9+/])\n(?!-)/g, "$1")],
    [
      "text before and after",
      (pem: string) => `Bag Attributes\n  friendlyName: agent\n${pem}\ngenerated yesterday\n`,
    ],
    [
      "EC parameters before it",
      (pem: string) => `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem}`,
    ],
    [
      "its certificate before it",
      (pem: string) => `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n${pem}`,
    ],
  ])("is read with %s", async (_, change) => {
    await signsFor(await load(change(pkcs8(p256.privateKey))), p256.publicKey);
    await signsFor(await load(change(pkcs8(rsa.privateKey))), rsa.publicKey);
  });

  const encrypted = rsa.privateKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sésame" })
    .toString();
  const legacy = rsa.privateKey
    .export({ type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "open sésame" })
    .toString();
  const legacyEc = p256.privateKey
    .export({ type: "sec1", format: "pem", cipher: "des-ede3-cbc", passphrase: "open sésame" })
    .toString();

  it.each([
    ["PKCS#8", encrypted, rsa],
    ["PKCS#1 with a Proc-Type header", legacy, rsa],
    ["SEC1 with a Proc-Type header", legacyEc, p256],
  ] as const)("encrypted as %s is decrypted with the passphrase", async (_, pem, pair) => {
    expect(pem).toContain("ENCRYPTED");
    const key = await load(pem, { passphrase: { env: "PASSPHRASE" } }, { PASSPHRASE: "open sésame\n" });
    await signsFor(key, pair.publicKey);
    const crlf = pem.replaceAll("\n", "\r\n");
    await signsFor(await load(crlf, { passphrase: { env: "P" } }, { P: "open sésame" }), pair.publicKey);
  });

  it.each([
    ["PKCS#8", encrypted],
    ["PKCS#1", legacy],
    ["SEC1", legacyEc],
  ])("encrypted as %s without a passphrase, or with a wrong one, is refused", async (_, pem) => {
    expect(await problem(pem)).toBe(
      'it is encrypted. Add the key\'s "passphrase" to the config, as a reference.',
    );
    for (const wrong of ["canary-of-a-passphrase", "x", "y", "z"]) {
      expect(await problem(pem, { passphrase: { env: "P" } }, { P: wrong })).toMatch(
        /^it cannot be decrypted: the passphrase is wrong/,
      );
    }
  });

  it("with a passphrase that cannot be read is secret_unavailable", async () => {
    await expect(load(encrypted, { passphrase: { env: "P" } })).rejects.toMatchObject({
      code: "secret_unavailable",
    });
  });

  const certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n";
  const openssh =
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";

  it.each([
    ["a certificate", certificate, /^it holds a certificate\./],
    ["a public key", rsa.publicKey.export({ type: "spki", format: "pem" }), /^it holds a public key\./],
    [
      "a PKCS#1 public key",
      rsa.publicKey.export({ type: "pkcs1", format: "pem" }),
      /^it holds a public key\./,
    ],
    ["an OpenSSH key", openssh, /ssh-keygen/],
    ["two private keys", pkcs8(rsa.privateKey) + pkcs8(p256.privateKey), /^it holds several private keys\./],
    ["a block that is cut short", pkcs8(rsa.privateKey).slice(0, 400), /no END line/],
    [
      "a block that is damaged",
      pkcs8(rsa.privateKey).replace(/\n[^\n]{64}\n/, "\n"),
      /^its PRIVATE KEY block is damaged/,
    ],
    [
      "an unknown block",
      "-----BEGIN THING-----\nAAAA\n-----END THING-----",
      /^it has no PEM block with a private key/,
    ],
    [
      "an RSA key of 1024 bits",
      pkcs8(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey),
      /^it is an RSA key of 1024 bits\./,
    ],
    [
      "an RSA key for PSS of 1024 bits",
      pkcs8(generateKeyPairSync("rsa-pss", { modulusLength: 1024 }).privateKey),
      /^it is an RSA key of 1024 bits\./,
    ],
    [
      "secp256k1",
      pkcs8(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey),
      /^it is an EC key on the curve secp256k1\./,
    ],
    ["Ed448", pkcs8(generateKeyPairSync("ed448").privateKey), /^it is of type ed448\./],
    ["X25519", pkcs8(generateKeyPairSync("x25519").privateKey), /^it is of type x25519\./],
  ])("that is %s is refused with the reason", async (_, pem, reason) => {
    expect(await problem(pem.toString())).toMatch(reason);
  });
});

describe("a key in JWK", () => {
  it.each([
    ["RSA", rsa],
    ["EC P-256", p256],
    ["EC P-384", p384],
    ["EC P-521", p521],
    ["Ed25519", ed25519],
  ] as const)("of the type %s signs, also in a set with public keys", async (_, pair) => {
    await signsFor(await load(jwk(pair.privateKey)), pair.publicKey);
    const set = jwks(jwk(rsa.publicKey), jwk(pair.privateKey, { use: "sig" }), '{"kty":"oct","k":"AAAA"}');
    await signsFor(await load(set), pair.publicKey);
  });

  it("with further members is read", async () => {
    const key = await load(
      jwk(p256.privateKey, { use: "sig", key_ops: ["sign"], ext: true, x5c: ["AA"], note: 1 }),
    );
    await signsFor(key, p256.publicKey);
  });

  it("with an alg signs only with that algorithm", async () => {
    expect((await load(jwk(rsa.privateKey, { alg: "RS384" }))).algorithms).toEqual(["RS384"]);
    expect((await load(jwk(ed25519.privateKey, { alg: "Ed25519" }))).algorithms).toEqual(["Ed25519"]);
  });

  const { d: _d, ...withoutD } = p256.privateKey.export({ format: "jwk" });
  const { qi: _qi, ...withoutQi } = rsa.privateKey.export({ format: "jwk" });
  const mixed = { ...p256.privateKey.export({ format: "jwk" }), d: generateD() };
  function generateD(): string | undefined {
    return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" }).d;
  }

  it.each([
    ["a public key", JSON.stringify(withoutD), /^it holds a public key\./],
    ["symmetric", '{"kty":"oct","k":"Y2FuYXJ5LWNhbmFyeS1jYW5hcnk"}', /^it is a symmetric key/],
    ["of an unknown type", '{"kty":"canary-canary-canary"}', /^its "kty" is not "RSA"/],
    [
      "on secp256k1",
      jwk(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey),
      /^its curve is not supported/,
    ],
    [
      "on Ed448",
      jwk(generateKeyPairSync("ed448").privateKey),
      /^its curve is not supported: "crv" can be Ed25519/,
    ],
    [
      "an RSA key of 1024 bits",
      jwk(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey),
      /of 1024 bits/,
    ],
    ["an RSA key without its primes", JSON.stringify(withoutQi), /^its "qi" is missing\./],
    ["made of parts of two keys", JSON.stringify(mixed), /damaged/],
    ["for encryption", jwk(p256.privateKey, { use: "enc" }), /^its "use" is not "sig"/],
    ["for other operations", jwk(p256.privateKey, { key_ops: ["deriveBits"] }), /^its "key_ops" lack "sign"/],
    ["with a kid that is not a string", jwk(p256.privateKey, { kid: 7 }), /^its "kid" is not a string/],
    [
      "with an alg of another type",
      jwk(p256.privateKey, { alg: "RS256" }),
      /^it is an EC key on P-256, which signs ES256, but the "alg" of its JWK is "RS256"\./,
    ],
    [
      "with an unknown alg",
      jwk(p256.privateKey, { alg: "canary-canary-canary" }),
      /^the "alg" of its JWK is not supported/,
    ],
    ["neither PEM nor JSON", "canary-canary-canary-canary", /^it is not a key in PEM, DER or JWK\./],
    ["broken JSON", `{"kty":"EC","d":"canary-canary-canary`, /^it is JSON that is damaged or cut short\./],
    ["a list", `["canary-canary-canary"]`, /^it is not a key in PEM, DER or JWK\./],
    ["another object", `{"token":"canary-canary-canary"}`, /^it is JSON, but neither a JWK nor a JWK Set\./],
    ["an empty set", jwks(), /^it is a JWK Set without a private key/],
    ["a set of public keys", jwks(jwk(rsa.publicKey)), /^it is a JWK Set without a private key/],
  ])("that is %s is refused with the reason", async (_, text, reason) => {
    expect(await problem(text)).toMatch(reason);
  });
});

describe("the kid", () => {
  const signed = async (key: SigningKey) =>
    decodeProtectedHeader(await signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" }));

  it("is the kid of the config", async () => {
    expect((await signed(await load(pkcs8(p256.privateKey), { kid: "mine" }))).kid).toBe("mine");
  });

  it("is the kid of the JWK if the config has none", async () => {
    expect((await signed(await load(jwk(p256.privateKey, { kid: "jwk" })))).kid).toBe("jwk");
  });

  it("is not sent if it is false", async () => {
    for (const text of [pkcs8(p256.privateKey), jwk(p256.privateKey, { kid: "jwk" })]) {
      expect(await signed(await load(text, { kid: false }))).toEqual({ alg: "ES256", typ: "JWT" });
    }
  });

  it("of the config must not contradict the one of the JWK", async () => {
    const reason = /^the "kid" of the config is not the one that its JWK names\./;
    expect(await problem(jwk(p256.privateKey, { kid: "jwk" }), { kid: "mine" })).toMatch(reason);
    expect(await problem(jwks(jwk(p256.privateKey, { kid: "jwk" })), { kid: "mine" })).toMatch(reason);
  });

  it("chooses among several private keys of a set", async () => {
    const set = jwks(jwk(p384.privateKey, { kid: "a" }), jwk(p256.privateKey, { kid: "b" }));
    const key = await load(set, { kid: "b" });
    expect(key.kid).toBe("b");
    await signsFor(key, p256.publicKey);
  });

  it("must be set for a JWK Set with several private keys, and be that of one of them", async () => {
    const set = jwks(jwk(p384.privateKey, { kid: "a" }), jwk(p256.privateKey, { kid: "b" }));
    const several = 'it is a JWK Set with 2 private keys. Set the key\'s "kid" to the one to use.';
    expect(await problem(set)).toBe(several);
    expect(await problem(set, { kid: false })).toBe(several);
    expect(await problem(set, { kid: "c" })).toMatch(/none of the private keys has the "kid"/);
    const twins = jwks(jwk(p384.privateKey, { kid: "a" }), jwk(p256.privateKey, { kid: "a" }));
    expect(await problem(twins, { kid: "a" })).toMatch(/several private keys have the "kid"/);
  });
});

describe("the alg of the config", () => {
  it("is the only algorithm that the key signs with", async () => {
    const key = await load(pkcs8(rsa.privateKey), { alg: "RS512" });
    expect(key.algorithms).toEqual(["RS512"]);
    expect(key.configuredAlgorithm).toBe("RS512");
    await signsFor(key, rsa.publicKey);
  });

  it.each(["EdDSA", "Ed25519"])("may use either name of Ed25519: %s", async (alg) => {
    expect((await load(pkcs8(ed25519.privateKey), { alg })).algorithms).toEqual([alg]);
    expect((await load(jwk(ed25519.privateKey, { alg: "EdDSA" }), { alg })).algorithms).toEqual([alg]);
  });

  it("must fit the type of the key and the alg of its JWK", async () => {
    expect(await problem(pkcs8(p256.privateKey), { alg: "ES384" })).toBe(
      'it is an EC key on P-256, which signs ES256, but the "alg" of the config is "ES384".',
    );
    expect(await problem(pkcs8(rsa.privateKey), { alg: "ES256" })).toMatch(
      /^it is an RSA key, which signs PS256/,
    );
    expect(await problem(pkcs8(ed25519.privateKey), { alg: "RS256" })).toMatch(/^it is an Ed25519 key/);
    expect(await problem(jwk(rsa.privateKey, { alg: "RS256" }), { alg: "PS256" })).toMatch(
      /^the "alg" of the config/,
    );
    expect(await problem(pkcs8(rsa.privateKey), { alg: "HS256" })).toMatch(
      /^the "alg" of the config is not supported/,
    );
  });
});

describe("a key in a file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("is imported once, and again only if its text has changed", async () => {
    const file = join(folder, "agent.pem");
    const spec: PrivateKeySpec = { privateKey: { file } };
    const context = { server: "billing", env: {} };
    await writeFile(file, pkcs8(p256.privateKey));
    const first = await loadKey(spec, context);
    expect(await loadKey(spec, context)).toBe(first);
    await writeFile(file, pkcs8(p384.privateKey));
    const second = await loadKey(spec, context);
    expect(second.algorithms).toEqual(["ES384"]);
    await writeFile(file, "not a key");
    await backdate(file);
    await expect(loadKey(spec, context)).rejects.toMatchObject({ code: "key_invalid" });
    await rm(file);
    await backdate(folder);
    await expect(loadKey(spec, context)).rejects.toMatchObject({ code: "secret_unavailable" });
  });

  it("is named when it is missing", async () => {
    const file = join(folder, "missing.pem");
    await backdate(folder);
    await expect(loadKey({ privateKey: { file } }, { server: "billing", env: {} })).rejects.toMatchObject({
      message: `Server "billing": could not read the private key from the file "${file}": it does not exist. Create it, or correct its path.`,
    });
  });
});

describe("a loaded key", () => {
  it("shows nothing of the private key", async () => {
    const key = await load(jwk(p256.privateKey));
    const { d } = p256.privateKey.export({ format: "jwk" });
    expect(`${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}`).not.toContain(d);
    expect(createPublicKey({ key: { ...key.publicJwk }, format: "jwk" }).equals(p256.publicKey)).toBe(true);
  });

  it("that cannot sign with an algorithm is an error without the claims", async () => {
    const key = await load(pkcs8(p256.privateKey));
    const signing = signJwt(key, { alg: "RS256", typ: "JWT", claims: { jti: "canary" }, server: "billing" });
    await expect(signing).rejects.toMatchObject({
      code: "key_invalid",
      message: 'Server "billing": the private key cannot sign with RS256.',
    });
  });
});
