import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { loadKey } from "../../src/keys/load-key.js";
import { loadTlsIdentity } from "../../src/keys/load-tls-identity.js";
import { fileShapes, textShapes } from "../unit/keys/shapes.js";
import { assertDocumented, outcomeOf } from "./assert-documented.js";
import { anyJson, canary, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

const pairs = [
  generateKeyPairSync("rsa", { modulusLength: 2048 }),
  generateKeyPairSync("ec", { namedCurve: "P-256" }),
  generateKeyPairSync("ed25519"),
];
const keys = pairs.flatMap(({ privateKey, publicKey }) => {
  const jwk = publicKey.export({ format: "jwk" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const document = { type: "service_account", private_key: pem };
  return [
    { jwk, text: pem },
    { jwk, text: JSON.stringify(privateKey.export({ format: "jwk" }), null, 2) },
    { jwk, text: JSON.stringify(document) },
  ];
});

/** Changes that lose something, after which the key can no longer be read, or only by luck. */
const lossy: readonly ((text: string) => string)[] = [
  (text) => text.replaceAll("\n", "n"),
  (text) => text.replaceAll("+", " "),
  (text) => text.replaceAll("\\", ""),
  (text) => text.replaceAll(/["']/g, ""),
  (text) => text.slice(0, -1),
  (text) => text.slice(1),
  (text) => text.slice(0, text.length / 2),
  (text) => text.toLowerCase(),
  (text) => text.replaceAll("-----", "----"),
  (text) => text.replaceAll(/-----[^-]+-----/g, ""),
  (text) => text + text,
];
const change = fc.oneof(
  fc.constantFrom(...textShapes.map((shape) => (text: string) => shape.change(text).toString())),
  fc.constantFrom(...lossy),
);

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fuzz-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(content: string | Uint8Array): Promise<string> {
  count += 1;
  const file = join(folder, String(count % 8));
  await writeFile(file, content);
  // An old file is not waited for.
  await utimes(file, 0, 0);
  return file;
}

describe("a key that was changed on its way", () => {
  property(
    "is itself, or key_invalid, and never another key",
    [
      fc.constantFrom(...keys),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(undefined, ...fileShapes),
    ],
    async ({ jwk, text }, changes, last) => {
      const changed = changes.reduce((before, apply) => apply(before), text);
      if (changed.length > 500_000) return;
      const content = last === undefined ? changed : last.change(changed);
      if (content.length === 0) return;
      const file = await written(content);
      const read = await outcomeOf(() => loadKey({ privateKey: { file } }, { server: "a", env: {} }));
      if ("value" in read) expect(read.value.publicJwk).toEqual(jwk);
      else assertDocumented(read.error, ["key_invalid", "secret_unavailable"]);
    },
    { cost: 2 },
  );
});

const text = fc.oneof(
  mangled(fc.constantFrom(...keys.map((key) => key.text))),
  mangled(fc.constantFrom(...keys.map((key) => Buffer.from(key.text).toString("base64")))),
  pieces(
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----END OPENSSH PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
    "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
    "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEA",
    "\\n",
    '{"kty":"OKP"',
    '{\\"keys\\":[',
    "data:;base64,",
    "PuTTY-User-Key-File-3: ",
  ),
  anyJson.map((value) => JSON.stringify(value)),
);
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 200 }),
  fc
    .tuple(
      fc.constantFrom(
        "30",
        "3080",
        "3082",
        "302e020100",
        "30770201010420",
        "feedfeed",
        "fffe",
        "feff",
        "3004",
      ),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map(([start, rest]) => Buffer.concat([Buffer.from(start, "hex"), rest])),
);

describe("an arbitrary text or file in place of a key", () => {
  const assertHarmless = async (work: Promise<unknown>) => {
    const read = await outcomeOf(() => work);
    if ("error" in read) assertDocumented(read.error, ["key_invalid", "secret_unavailable"], [canary]);
  };

  property("is a key, key_invalid or secret_unavailable", [fc.oneof(text, bytes)], async (content) => {
    const file = await written(content);
    const context = { server: "a", env: { P: "x", KEY: keys[0]?.text } };
    await assertHarmless(loadKey({ privateKey: { file } }, context));
    await assertHarmless(loadKey({ privateKey: { file }, passphrase: { env: "P" }, kid: "k" }, context));
    await assertHarmless(loadKey({ privateKey: { env: "KEY" }, certificate: { file } }, context));
    await assertHarmless(loadTlsIdentity({ cert: { file }, key: { file } }, context));
    await assertHarmless(loadTlsIdentity({ cert: { file }, key: { env: "KEY" } }, context));
  });
});
