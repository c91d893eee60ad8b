import { describe, expect, it } from "vitest";
import { jwtClaims } from "../../../src/lib/jwt-claims.js";

const part = (text: string) => Buffer.from(text).toString("base64url");

describe("jwtClaims", () => {
  it("jwtClaims reads the middle part of a JWT as UTF-8", () => {
    expect(jwtClaims(`${part("{}")}.${part('{"sub":"Zoë"}')}.c2ln`)).toEqual({ sub: "Zoë" });
  });

  it.each([
    ["is empty", ""],
    ["has two parts", `a.${part("{}")}`],
    ["has no signature", `a.${part("{}")}.`],
    ["has the five parts of an encrypted JWT", `a.${part("{}")}.b.c.d`],
    ["has other characters", `a.${part("{}")}.b c`],
    ["has padding", "a.e30=.b"],
    ["has no JSON in it", `a.${part("canary")}.b`],
    ["has no object in it", `a.${part("[]")}.b`],
    ["is longer than any token", `a.${part(`{"a":"${"x".repeat(65_536)}"}`)}.b`],
  ])("jwtClaims returns undefined for a text that %s", (_, token) => {
    expect(jwtClaims(token)).toBeUndefined();
  });
});
