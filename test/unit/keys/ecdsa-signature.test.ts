import { generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawFromDer, signatureLength } from "../../../src/keys/ecdsa-signature.js";

const curves = [
  ["ES256", "P-256", "sha256", 32],
  ["ES384", "P-384", "sha384", 48],
  ["ES512", "P-521", "sha512", 66],
] as const;

/** Encodes one DER element. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const written =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...written]), content]);
}

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const integer = (hex: string) => tagged(0x02, bytes(hex));
const signature = (...parts: readonly Buffer[]) => tagged(0x30, Buffer.concat(parts));
const raw = (r: string, s: string, size = 32) =>
  `${bytes(r)
    .toString("hex")
    .padStart(size * 2, "0")}${bytes(s)
    .toString("hex")
    .padStart(size * 2, "0")}`;
const hex = (value: Uint8Array | undefined) => value && Buffer.from(value).toString("hex");

const high = "80".repeat(32);
const full = "7f".repeat(32);

describe("an ECDSA signature in DER", () => {
  it.each([
    ["two integers of full length", signature(integer(full), integer(full)), raw(full, full)],
    [
      "a zero before integers whose high bit is set",
      signature(integer(`00${high}`), integer(`00${high}`)),
      raw(high, high),
    ],
    ["one such integer", signature(integer(full), integer(`00${high}`)), raw(full, high)],
    ["short integers", signature(integer("01"), integer("7f00")), raw("01", "7f00")],
    [
      "a short integer whose high bit is set",
      signature(integer("0080"), integer("00ff01")),
      raw("80", "ff01"),
    ],
  ])("is converted to r followed by s: %s", (_, der, expected) => {
    expect(hex(rawFromDer(der, "ES256"))).toBe(expected);
  });

  it("of P-521 has its length in two bytes", () => {
    const r = `01${"ff".repeat(65)}`;
    const der = signature(integer(r), integer(r));
    expect(der.subarray(0, 3).toString("hex")).toBe("308188");
    expect(hex(rawFromDer(der, "ES512"))).toBe(raw(r, r, 66));
  });

  const good = signature(integer(full), integer(full));
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a tag alone", bytes("30")],
    ["an empty sequence", bytes("3000")],
    ["another tag", Buffer.concat([bytes("31"), good.subarray(1)])],
    ["one integer", signature(integer(full))],
    ["three integers", signature(integer(full), integer(full), integer("01"))],
    ["bytes after it", Buffer.concat([good, bytes("00")])],
    ["a line break after it", Buffer.concat([good, bytes("0a")])],
    ["bytes after the integers", signature(integer(full), integer(full), bytes("00"))],
    ["its last byte missing", good.subarray(0, -1)],
    ["an integer that is longer than the sequence", bytes("3006020101020201")],
    ["a negative integer", signature(integer(high), integer(full))],
    ["a zero too many", signature(integer(`00${full}`), integer(full))],
    ["two zeros before the high bit", signature(integer(`0000${high}`), integer(full))],
    ["an integer of no bytes", signature(integer(""), integer(full))],
    ["the integer 0", signature(integer("00"), integer(full))],
    ["an integer that is too long for the curve", signature(integer(`01${full}`), integer(full))],
    ["a length in two bytes where one does", bytes("308106020101020101")],
    ["a length of three bytes", bytes("30820006020101020101")],
    ["a length without end", bytes("3080020101020101 0000")],
    ["a bit string in place of an integer", signature(tagged(0x03, bytes("0001")), integer(full))],
    ["the form of JOSE", bytes("11".repeat(64))],
  ])("is invalid with %s", (_, der) => {
    expect(rawFromDer(der, "ES256")).toBeUndefined();
  });

  it("is refused for other algorithms", () => {
    for (const alg of ["RS256", "PS256", "EdDSA", "Ed25519", "ES256K", ""]) {
      expect(rawFromDer(good, alg)).toBeUndefined();
    }
  });

  it.each(curves)("of %s, made by Node, verifies in the form of JOSE", (alg, namedCurve, hash, size) => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    for (let count = 0; count < 100; count += 1) {
      const data = Buffer.from(`input ${count}`);
      const converted = rawFromDer(sign(hash, data, privateKey), alg);
      expect(converted?.length).toBe(size * 2);
      const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
      expect(verify(hash, data, key, converted ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it("of any two numbers is converted to these numbers", () => {
    const numbers = (size: number) => {
      const number = fc
        .uint8Array({ minLength: 1, maxLength: size })
        .filter((value) => value.some((byte) => byte !== 0));
      return fc.tuple(number, number);
    };
    const minimal = (value: Uint8Array) => {
      const digits = Buffer.from(value.subarray(value.findIndex((byte) => byte !== 0)));
      return tagged(0x02, (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
    };
    for (const [alg, , , size] of curves) {
      fc.assert(
        fc.property(numbers(size), ([r, s]) => {
          const expected = raw(Buffer.from(r).toString("hex"), Buffer.from(s).toString("hex"), size);
          expect(hex(rawFromDer(signature(minimal(r), minimal(s)), alg))).toBe(expected);
        }),
      );
    }
  });

  it("of random bytes is converted to the right length or to undefined, without an exception", () => {
    const changed = fc
      .tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), fc.nat({ max: good.length }))
      .map(([at, value, length]) => {
        const copy = Buffer.from(good);
        copy[at] = value;
        return copy.subarray(0, Math.max(length, at + 1));
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 160 }), changed), (anything) => {
        for (const [alg, , , size] of curves) {
          expect([undefined, size * 2]).toContain(rawFromDer(anything, alg)?.length);
        }
      }),
    );
  });
});

describe("the length of a signature", () => {
  it.each([
    ["ES256", 64],
    ["ES384", 96],
    ["ES512", 132],
    ["EdDSA", 64],
    ["Ed25519", 64],
    ["RS256", undefined],
    ["PS512", undefined],
  ])("of %s is %s bytes", (alg, expected) => {
    expect(signatureLength(alg)).toBe(expected);
  });
});
