import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadKey } from "../../../src/keys/load-key.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import type { Signer } from "../../../src/keys/signing-key.js";
import { snippets } from "../../support/snippets.js";

const root = new URL("../../../", import.meta.url);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "recipes-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs a recipe of docs/keys.md unchanged, with a fake service. */
async function recipe(service: string, name: string, ...args: readonly unknown[]): Promise<Signer> {
  const [found, another] = snippets(root, "docs/keys.md").filter(({ mark }) => mark === `signer ${service}`);
  if (found === undefined || another !== undefined) throw new Error(`expected one recipe for ${service}`);
  const { code } = await transform(found.code, { loader: "ts", format: "esm" });
  const file = join(folder, `${service}.mjs`);
  await writeFile(file, code);
  const module: Readonly<Record<string, unknown>> = await import(/* @vite-ignore */ pathToFileURL(file).href);
  const make = module[name];
  if (typeof make !== "function") throw new Error(`expected the recipe to export ${name}`);
  return make(...args);
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });

/** The name of the algorithm in JOSE, and at AWS. */
const algorithms = [
  ["RS256", rsa, "RSASSA_PKCS1_V1_5_SHA_256"],
  ["RS384", rsa, "RSASSA_PKCS1_V1_5_SHA_384"],
  ["RS512", rsa, "RSASSA_PKCS1_V1_5_SHA_512"],
  ["PS256", rsa, "RSASSA_PSS_SHA_256"],
  ["PS384", rsa, "RSASSA_PSS_SHA_384"],
  ["PS512", rsa, "RSASSA_PSS_SHA_512"],
  ["ES256", p256, "ECDSA_SHA_256"],
  ["ES384", p384, "ECDSA_SHA_384"],
  ["ES512", p521, "ECDSA_SHA_512"],
] as const;

/** The key in the fake service. Node cannot sign a digest, so it signs the input that the digest was made of. */
class KeyInService {
  input: Uint8Array = new Uint8Array();
  readonly alg: string;
  readonly #privateKey: KeyObject;
  readonly #dsaEncoding: "der" | "ieee-p1363";

  constructor(alg: string, privateKey: KeyObject, dsaEncoding: "der" | "ieee-p1363") {
    this.alg = alg;
    this.#privateKey = privateKey;
    this.#dsaEncoding = dsaEncoding;
  }

  get hash(): string {
    return `sha${this.alg.slice(2)}`;
  }

  sign(digest: unknown): Buffer {
    expect(digest).toEqual(createHash(this.hash).update(this.input).digest());
    return sign(this.hash, this.input, {
      key: this.#privateKey,
      dsaEncoding: this.#dsaEncoding,
      ...(this.alg.startsWith("PS") && {
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }),
    });
  }
}

/** Signs an assertion with the signer, and verifies it. */
async function expectToSign(
  signer: Signer,
  key: KeyInService,
  format: "raw" | "der",
  publicKey: KeyObject,
): Promise<void> {
  const { alg } = key;
  const signers = {
    kms: (request: Parameters<Signer>[0]) => {
      key.input = request.input;
      return signer(request);
    },
  };
  const context = { server: "billing", env: {}, signers };
  const loaded = await loadKey({ signer: { name: "kms", format }, alg, kid: "agent" }, context);
  const jwt = await signJwt(loaded, { alg, typ: "JWT", claims: { sub: "agent" }, server: "billing" });
  const { payload, protectedHeader } = await jwtVerify(jwt, publicKey, { algorithms: [alg] });
  expect(payload).toEqual({ sub: "agent" });
  expect(protectedHeader).toEqual({ alg, kid: "agent", typ: "JWT" });
}

describe.each(algorithms)("with a key for %s, the recipe", (alg, { privateKey, publicKey }, nameAtAws) => {
  it("for AWS KMS converts the DER signature of the service", async () => {
    const key = new KeyInService(alg, privateKey, "der");
    const send = async (input: Record<string, unknown>, options: { abortSignal?: unknown }) => {
      expect(input).toEqual({
        KeyId: "alias/agent",
        Message: expect.any(Uint8Array),
        MessageType: "DIGEST",
        SigningAlgorithm: nameAtAws,
      });
      expect(options.abortSignal).toBeInstanceOf(AbortSignal);
      return {
        KeyId: "arn",
        Signature: new Uint8Array(key.sign(input["Message"])),
        SigningAlgorithm: nameAtAws,
      };
    };
    await expectToSign(await recipe("aws", "awsSigner", send, "alias/agent"), key, "der", publicKey);
  });

  it.each(["bytes", "base64"])(
    "for Google Cloud KMS converts the DER signature of the service, in %s",
    async (form) => {
      const name = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";
      const key = new KeyInService(alg, privateKey, "der");
      const client = {
        async asymmetricSign(request: { name: string; digest: Record<string, unknown> }) {
          expect(request.name).toBe(name);
          expect(Object.keys(request.digest)).toEqual([key.hash]);
          const signature = key.sign(request.digest[key.hash]);
          return [
            { name, signature: form === "bytes" ? signature : signature.toString("base64") },
            undefined,
          ];
        },
      };
      await expectToSign(await recipe("google", "googleSigner", client, name), key, "der", publicKey);
    },
  );

  it("for Azure Key Vault returns the signature of the service unchanged", async () => {
    const key = new KeyInService(alg, privateKey, "ieee-p1363");
    const client = {
      async sign(algorithm: string, digest: Uint8Array, options: { abortSignal?: unknown }) {
        expect(algorithm).toBe(alg);
        expect(options.abortSignal).toBeInstanceOf(AbortSignal);
        return {
          result: new Uint8Array(key.sign(digest)),
          algorithm,
          keyID: "https://vault.example/keys/k/1",
        };
      },
    };
    await expectToSign(await recipe("azure", "azureSigner", client), key, "raw", publicKey);
  });
});

describe("a signature of a recipe", () => {
  it.each([
    ["aws", "awsSigner", [async () => ({}), "alias/agent"]],
    ["google", "googleSigner", [{ asymmetricSign: async () => [{ signature: null }] }, "name"]],
    ["azure", "azureSigner", [{ sign: async () => ({}) }]],
  ] as const)("is signer_unavailable if the service returns none: %s", async (service, name, args) => {
    const kms = await recipe(service, name, ...args);
    const context = { server: "billing", env: {}, signers: { kms } };
    const key = await loadKey({ signer: { name: "kms", format: "raw" }, alg: "ES256" }, context);
    const signing = signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" });
    await expect(signing).rejects.toMatchObject({ code: "signer_unavailable", server: "billing" });
  });
});
