import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { FlattenedEncrypt, type FlattenedJWE, flattenedDecrypt } from "jose";
import { describe, expect, test } from "vitest";
import { decryptJwe, encryptJwe, parseJwe } from "../../../src/stores/jwe.js";

const key = randomBytes(32);
const entry = "token of a server";
const header = { kid: "12345678", v: 1 };

const bytes = (text: string) => new TextEncoder().encode(text);
const encrypted = (text = "a token") => encryptJwe(text, key, { entry, header });

function decrypted(value: string, { withKey = key, of = entry } = {}): string | undefined {
  const jwe = parseJwe(value);
  return jwe && decryptJwe(jwe, withKey, of);
}

/** Encrypts as another implementation of JWE does. */
async function encryptedByJose(text: string, more: object = {}): Promise<string> {
  const jwe = await new FlattenedEncrypt(bytes(text))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", ...header, ...more })
    .setAdditionalAuthenticatedData(bytes(entry))
    .encrypt(key);
  return JSON.stringify(jwe);
}

describe("a JWE of a store", () => {
  test("is decrypted by jose", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
        // `JSON.parse` returns `any`.
        const jwe = JSON.parse(encrypted(text)) as FlattenedJWE;
        const { plaintext, protectedHeader, additionalAuthenticatedData } = await flattenedDecrypt(jwe, key);
        expect(new TextDecoder().decode(plaintext)).toBe(text);
        expect(protectedHeader).toEqual({ alg: "dir", enc: "A256GCM", ...header });
        expect(additionalAuthenticatedData).toEqual(bytes(entry));
      }),
      { numRuns: 50 },
    );
  });

  test("is decrypted if jose wrote it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
        expect(decrypted(await encryptedByJose(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  test("has its own initialization vector and does not contain the text", () => {
    const values = Array.from({ length: 100 }, () => encrypted("the text"));
    // `JSON.parse` returns `any`.
    expect(new Set(values.map((value) => (JSON.parse(value) as FlattenedJWE).iv)).size).toBe(100);
    for (const value of values) expect(value).not.toContain(Buffer.from("the text").toString("base64url"));
  });

  test("is not decrypted with another key or as another entry", () => {
    expect(decrypted(encrypted(), { withKey: randomBytes(32) })).toBeUndefined();
    expect(decrypted(encrypted(), { of: "token of another server" })).toBeUndefined();
  });

  test.each(["ciphertext", "iv", "tag", "protected"] as const)(
    "is not decrypted if its %s was changed",
    (member) => {
      const value = encrypted();
      expect(decrypted(value)).toBe("a token");
      // `JSON.parse` returns `any`.
      const jwe = JSON.parse(value) as Record<typeof member, string>;
      const original = Buffer.from(jwe[member], "base64url");
      for (let index = 0; index < original.length; index += 1) {
        const changed = Buffer.from(original);
        changed[index] = (changed[index] ?? 0) ^ 1;
        const text = JSON.stringify({ ...jwe, [member]: changed.toString("base64url") });
        expect(decrypted(text)).toBeUndefined();
      }
      // A shorter tag would be easier to guess.
      for (const length of [0, 4, original.length - 1]) {
        const text = JSON.stringify({ ...jwe, [member]: original.subarray(0, length).toString("base64url") });
        expect(decrypted(text)).toBeUndefined();
      }
    },
  );

  test("is not parsed if it is written in another way, even if the meaning is the same", () => {
    // `JSON.parse` returns `any`.
    const jwe = JSON.parse(encrypted()) as Record<"ciphertext" | "iv" | "tag" | "protected", string>;
    // Node decodes the low byte of each character.
    const shifted = [...jwe.protected]
      .map((each) => String.fromCharCode(each.charCodeAt(0) + 0x100))
      .join("");
    const lastBits = jwe.tag.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1));
    const others = [
      { protected: shifted },
      { ciphertext: `${jwe.ciphertext}==` },
      { iv: ` ${jwe.iv}` },
      { tag: lastBits },
      { encrypted_key: "AAAA" },
      { header: { crit: ["x"] } },
      { unprotected: { alg: "none" } },
    ];
    for (const other of others) expect(parseJwe(JSON.stringify({ ...jwe, ...other }))).toBeUndefined();
    expect(parseJwe(JSON.stringify({ ...jwe, aad: "AAAA" }))).toBeDefined();
  });

  test("is not parsed with another algorithm, or with parameters that are not understood", async () => {
    const withHeader = (changed: object) => {
      const protectedHeader = Buffer.from(JSON.stringify(changed)).toString("base64url");
      return JSON.stringify({ ...JSON.parse(encrypted()), protected: protectedHeader });
    };
    const usual = { alg: "dir", enc: "A256GCM", ...header };
    expect(parseJwe(withHeader(usual))).toBeDefined();
    for (const changed of [
      { alg: "A256KW" },
      { enc: "A128GCM" },
      { alg: 1 },
      { zip: "DEF" },
      { crit: ["b64"] },
    ]) {
      expect(parseJwe(withHeader({ ...usual, ...changed }))).toBeUndefined();
    }
    for (const text of ["", "{}", "[]", "null", '{"protected":"e30"}', withHeader([])]) {
      expect(parseJwe(text)).toBeUndefined();
    }
  });
});
