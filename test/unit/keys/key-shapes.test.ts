import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PrivateKeySpec, SecretReference } from "../../../src/config/spec.js";
import { loadKey } from "../../../src/keys/load-key.js";
import { loadTlsIdentity } from "../../../src/keys/load-tls-identity.js";
import { createAuthority } from "../../support/certificates.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { backdate } from "../secrets/backdate.js";
import { fileShapes, shapesOf, textShapes } from "./shapes.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed25519 = generateKeyPairSync("ed25519");
const passphrase = "open sésame";

const jwk = ({ privateKey }: typeof p256, space?: number) =>
  JSON.stringify(privateKey.export({ format: "jwk" }), null, space);
const pem = (key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1", cipher?: string) =>
  key.export({ type, format: "pem", ...(cipher !== undefined && { cipher, passphrase }) }).toString();
const serviceAccount = (key: KeyObject, id?: string) =>
  JSON.stringify(
    {
      type: "service_account",
      project_id: "acme",
      ...(id !== undefined && { private_key_id: id }),
      private_key: pem(key, "pkcs8"),
      client_email: "agent@acme.example",
    },
    null,
    2,
  );

const kinds: readonly (readonly [name: string, notation: "pem" | "json", text: string, pair: typeof p256])[] =
  [
    ["RSA in PKCS#8", "pem", pem(rsa.privateKey, "pkcs8"), rsa],
    ["RSA in PKCS#1", "pem", pem(rsa.privateKey, "pkcs1"), rsa],
    ["RSA in encrypted PKCS#8", "pem", pem(rsa.privateKey, "pkcs8", "aes-256-cbc"), rsa],
    ["RSA in encrypted PKCS#1", "pem", pem(rsa.privateKey, "pkcs1", "aes-128-cbc"), rsa],
    ["EC in PKCS#8", "pem", pem(p256.privateKey, "pkcs8"), p256],
    ["EC in SEC1", "pem", pem(p256.privateKey, "sec1"), p256],
    ["EC in encrypted SEC1", "pem", pem(p256.privateKey, "sec1", "des-ede3-cbc"), p256],
    ["Ed25519", "pem", pem(ed25519.privateKey, "pkcs8"), ed25519],
    ["Ed25519, encrypted", "pem", pem(ed25519.privateKey, "pkcs8", "aes-256-cbc"), ed25519],
    ["an RSA JWK", "json", jwk(rsa), rsa],
    ["an EC JWK over several lines", "json", jwk(p256, 2), p256],
    ["an Ed25519 JWK in a set", "json", `{\n  "keys": [${jwk(ed25519, 2)}]\n}\n`, ed25519],
    ["a service account", "json", serviceAccount(rsa.privateKey), rsa],
  ];

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "key-shapes-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function written(content: string | Buffer): Promise<string> {
  count += 1;
  const file = join(folder, `${count}.key`);
  await writeFile(file, content);
  await backdate(file);
  return file;
}

const load = (
  privateKey: SecretReference,
  env: Record<string, string> = {},
  rest: Partial<PrivateKeySpec> = {},
) =>
  loadKey({ privateKey, passphrase: { env: "P" }, ...rest }, { server: "a", env: { P: passphrase, ...env } });

async function problem(privateKey: SecretReference, env: Record<string, string> = {}): Promise<string> {
  const error = await rejectionOf(loadKey({ privateKey }, { server: "a", env }));
  expect(error).toMatchObject({ code: "key_invalid", retryable: false });
  return error.message.replace(/^.* cannot be used: /, "");
}

describe.each(kinds)("a key that is %s", (_, notation, text, { publicKey }) => {
  const expected = publicKey.export({ format: "jwk" });

  it.each(shapesOf(notation, textShapes))(
    "is read $name, from a variable, a file and a document",
    async ({ change }) => {
      const changed = change(text).toString();
      expect((await load({ env: "KEY" }, { KEY: changed })).publicJwk).toEqual(expected);
      expect((await load({ file: await written(changed) })).publicJwk).toEqual(expected);
      const document = await written(JSON.stringify({ keys: { agent: changed } }));
      expect((await load({ file: document, pointer: "/keys/agent" })).publicJwk).toEqual(expected);
    },
  );

  it.each(shapesOf(notation, fileShapes))("is read $name, from a file and a command", async ({ change }) => {
    const file = await written(change(text));
    expect((await load({ file })).publicJwk).toEqual(expected);
    const command = { exec: ["cat", file], cwd: folder, timeout: 10_000 };
    expect((await load(command, { PATH: process.env["PATH"] ?? "" })).publicJwk).toEqual(expected);
  });
});

describe("a key in DER", () => {
  it.each([
    ["RSA in PKCS#8", rsa, rsa.privateKey.export({ type: "pkcs8", format: "der" })],
    ["RSA in PKCS#1", rsa, rsa.privateKey.export({ type: "pkcs1", format: "der" })],
    ["EC in PKCS#8", p256, p256.privateKey.export({ type: "pkcs8", format: "der" })],
    ["EC in SEC1", p256, p256.privateKey.export({ type: "sec1", format: "der" })],
    ["Ed25519", ed25519, ed25519.privateKey.export({ type: "pkcs8", format: "der" })],
    [
      "EC in encrypted PKCS#8",
      p256,
      p256.privateKey.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase }),
    ],
  ] as const)("that is %s is read from a file, from a command, and in base64", async (_, pair, der) => {
    const expected = pair.publicKey.export({ format: "jwk" });
    for (const content of [der, Buffer.concat([der, Buffer.from("\n")]), der.toString("base64")]) {
      expect((await load({ file: await written(content) })).publicJwk).toEqual(expected);
    }
    const command = { exec: ["cat", await written(der)], cwd: folder, timeout: 10_000 };
    expect((await load(command, { PATH: process.env["PATH"] ?? "" })).publicJwk).toEqual(expected);
    expect((await load({ env: "KEY" }, { KEY: der.toString("base64") })).publicJwk).toEqual(expected);
    const lines = der.toString("base64").replaceAll(/.{64}/g, "$&\n");
    expect((await load({ env: "KEY" }, { KEY: lines })).publicJwk).toEqual(expected);
  });

  it("has another label than its content, and is read", async () => {
    const text = pem(p256.privateKey, "sec1").replaceAll("EC PRIVATE KEY", "PRIVATE KEY");
    expect((await load({ env: "KEY" }, { KEY: text })).publicJwk).toEqual(
      p256.publicKey.export({ format: "jwk" }),
    );
  });
});

describe("an encrypted key, in every shape", () => {
  const encrypted = pem(p256.privateKey, "pkcs8", "aes-256-cbc");
  const der = p256.privateKey.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase });
  const shapes: readonly (string | Buffer)[] = [
    ...shapesOf("pem", textShapes).map(({ change }) => change(encrypted)),
    ...shapesOf("pem", textShapes).map(({ change }) => change(pem(rsa.privateKey, "pkcs1", "aes-128-cbc"))),
    der,
    der.toString("base64"),
  ];

  it("is refused without its passphrase, and with another one", async () => {
    for (const content of shapes) {
      const file = await written(content);
      expect(await problem({ file })).toBe(
        'it is encrypted. Add the key\'s "passphrase" to the config, as a reference.',
      );
      const wrong = await rejectionOf(load({ file }, { P: "canary" }));
      expect(wrong).toMatchObject({ code: "key_invalid", retryable: false });
      expect(wrong.message).toMatch(/ it cannot be decrypted: the passphrase is wrong, or .*\.$/);
      expect(wrong.message).not.toContain("canary");
    }
  });
});

describe("a key with a passphrase that it does not need", () => {
  it("is read", async () => {
    const key = await load({ env: "KEY" }, { KEY: pem(p256.privateKey, "pkcs8") });
    expect(key.publicJwk).toEqual(p256.publicKey.export({ format: "jwk" }));
  });
});

describe("a JWK that is an object in a document", () => {
  it("is read with a pointer", async () => {
    const file = await written(`{"agent":{"jwk":${jwk(p256)}}}`);
    expect((await load({ file, pointer: "/agent/jwk" })).publicJwk).toEqual(
      p256.publicKey.export({ format: "jwk" }),
    );
  });
});

describe("the key file of a Google service account", () => {
  it("has its private_key_id as kid", async () => {
    const text = serviceAccount(rsa.privateKey, "0f1e2d3c");
    expect((await load({ env: "KEY" }, { KEY: text })).kid).toBe("0f1e2d3c");
    expect((await load({ env: "KEY" }, { KEY: text }, { kid: "0f1e2d3c" })).kid).toBe("0f1e2d3c");
    expect((await load({ env: "KEY" }, { KEY: text }, { kid: false })).kid).toBeUndefined();
    const thumbprint = await calculateJwkThumbprint(rsa.publicKey.export({ format: "jwk" }));
    expect((await load({ env: "KEY" }, { KEY: serviceAccount(rsa.privateKey) })).kid).toBe(thumbprint);
    const other = rejectionOf(load({ env: "KEY" }, { KEY: text }, { kid: "another" }));
    expect((await other).message).toMatch(
      /its "private_key_id" is not the "kid" of the config\. Remove the "kid", or correct it\.$/,
    );
  });

  it("with real line breaks in its strings, as some shells leave it, is read", async () => {
    const text = serviceAccount(rsa.privateKey, "0f1e2d3c").replaceAll("\\n", "\n");
    const key = await load({ env: "KEY" }, { KEY: text });
    expect(key.publicJwk).toEqual(rsa.publicKey.export({ format: "jwk" }));
    expect(key.kid).toBe("0f1e2d3c");
  });

  it("that is cut short is refused, although its private key is complete", async () => {
    const text = serviceAccount(rsa.privateKey, "0f1e2d3c");
    const cut = text.slice(0, text.indexOf("client_email"));
    expect(await problem({ env: "KEY" }, { KEY: cut })).toBe("it is JSON that is damaged or cut short.");
  });
});

describe("a JSON document of another service", () => {
  it.each(["private_key", "privateKey", "key"])(
    "is refused with the pointer to its key: %s",
    async (name) => {
      const text = JSON.stringify({ id: "canary", [name]: pem(p256.privateKey, "pkcs8") });
      expect(await problem({ env: "KEY" }, { KEY: text })).toBe(
        `it is JSON with the private key inside. Add "pointer": "/${name}" to its reference.`,
      );
    },
  );
});

describe("a client certificate", () => {
  it.each(shapesOf("pem", [...textShapes, ...fileShapes]))(
    "is read $name, with its chain and its key",
    async ({ change }) => {
      const authority = await createAuthority();
      const agent = await authority.issue({ client: true });
      const cert = { file: await written(change(`${agent.certificate}${authority.certificate}`)) };
      const key = { file: await written(change(agent.privateKey)) };
      const identity = await loadTlsIdentity({ cert, key }, { server: "a", env: {} });
      expect(identity.certificate).toBe(`${agent.certificate}${authority.certificate}`);
      expect(identity.privateKey.reveal()).toBe(agent.privateKey);
    },
  );

  it("in DER, with its key in DER or as a JWK, is read", async () => {
    const agent = await (await createAuthority()).issue({ client: true });
    const bytes = (text: string) => Buffer.from(text.replaceAll(/-----.*-----/g, ""), "base64");
    const cert = { file: await written(bytes(agent.certificate)) };
    const { createPrivateKey } = await import("node:crypto");
    const asJwk = JSON.stringify(createPrivateKey(agent.privateKey).export({ format: "jwk" }));
    for (const content of [bytes(agent.privateKey), asJwk]) {
      const identity = await loadTlsIdentity(
        { cert, key: { file: await written(content) } },
        { server: "a", env: {} },
      );
      expect(identity.certificate).toBe(agent.certificate);
      expect(identity.privateKey.reveal()).toBe(agent.privateKey);
    }
    const key = await load(
      { env: "KEY" },
      { KEY: agent.privateKey, CERT: bytes(agent.certificate).toString("base64") },
      { certificate: { env: "CERT" } },
    );
    expect(key.certificateThumbprint).toMatch(/^[\w-]{43}$/);
  });
});
