import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { beforeEach, describe, expect } from "vitest";
import { errorDetails } from "../../src/errors/details.js";
import { rememberCredential } from "../../src/errors/sent-credentials.js";
import { assertSilent } from "./assert-documented.js";
import { anyCharacter, anyJson } from "./garbage.js";
import { property } from "./property.js";

const credentials = [24, 48, 400].map((length) => randomBytes(length).toString("base64url"));
credentials.push(`with a space, a "quote" and a % sign: ${randomBytes(12).toString("hex")}`);

// No credential is remembered when a test begins.
beforeEach(() => {
  for (const credential of credentials) rememberCredential(credential);
});

/** A piece of a credential that is long enough to contain a whole block of it. */
const quoted = fc
  .tuple(fc.constantFrom(...credentials), fc.nat(600), fc.integer({ min: 31, max: 600 }))
  .map(([credential, from, length]) => {
    const start = Math.min(from, credential.length - Math.min(length, credential.length));
    return credential.slice(start, start + length);
  });
const around = fc.string({ unit: anyCharacter, maxLength: 250 });

/** All pieces of 16 characters. A shorter piece of a credential may be shown. */
const pieces = credentials.flatMap((credential) =>
  Array.from({ length: credential.length - 15 }, (_, at) => credential.slice(at, at + 16)),
);

describe("the details of an error", () => {
  property(
    "the details of an error contain no piece of a credential, and are limited in length",
    [fc.array(fc.oneof(around, quoted), { maxLength: 5 }), fc.constantFrom("", " ", "/", '"')],
    (parts, between) => {
      const text = parts.join(between);
      for (const value of Object.values(errorDetails({ text, list: [text, text] }) ?? {}).flat()) {
        assertSilent(value, pieces);
        expect(value.length).toBeLessThanOrEqual(200);
        expect(value).not.toMatch(/\p{Surrogate}/u);
      }
    },
  );

  property(
    "the details of an error are strings and lists of strings for any JSON from a server",
    [anyJson],
    (said) => {
      const details = errorDetails({ said, list: [said, [said]] }) ?? {};
      for (const value of Object.values(details).flat()) expect(typeof value).toBe("string");
      expect(JSON.stringify(details).length).toBeLessThan(42 * 1_300);
    },
  );
});
