import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  rememberCredential,
  rememberShortLived,
  rememberToken,
  withoutCredentials,
} from "../../../src/errors/sent-credentials.js";

const secret = "Sup3r-Secret-Client-Value";
const quoted = `it refuses ${secret} here`;
const hidden = "it refuses <secret> here";

describe("withoutCredentials", () => {
  test("tokens from a server do not displace a sent credential, even if they are many or long", () => {
    rememberCredential(secret);
    rememberShortLived(randomBytes(500_000).toString("base64url"));
    for (let count = 0; count < 500; count += 1) rememberShortLived(randomBytes(300).toString("base64url"));
    expect(withoutCredentials(quoted)).toBe(hidden);
  });

  test("a credential that is sent again is found, even if many others were sent in between", () => {
    for (let round = 0; round < 60; round += 1) {
      rememberCredential(secret);
      expect(withoutCredentials(quoted)).toBe(hidden);
      for (let count = 0; count < 97; count += 1) {
        rememberCredential(`another-${round}-${count}-${"x".repeat(60)}`);
      }
    }
  });

  test("a token that is sent again is found, even if many others were sent in between", () => {
    const token = {};
    for (let round = 0; round < 5; round += 1) {
      rememberToken(token, secret);
      rememberToken(token, secret);
      expect(withoutCredentials(quoted)).toBe(hidden);
      for (let count = 0; count < 97; count += 1) rememberShortLived(randomBytes(300).toString("base64url"));
    }
  });

  test("sending tokens that a server issued does not displace another sent credential", () => {
    rememberCredential(secret);
    // Has characters that are encoded in many ways.
    for (let count = 0; count < 5; count += 1) rememberShortLived(`${count}${`&<'"%+/=`.repeat(2_000)}`);
    expect(withoutCredentials(quoted)).toBe(hidden);
  });

  test.each([
    ["unchanged", (text: string) => text],
    ["in a form", (text: string) => new URLSearchParams({ a: text }).toString().slice(2)],
    ["in a URL", encodeURIComponent],
    ["in a URL, in lower case", (text: string) => encodeURIComponent(text).toLowerCase()],
    ["in JSON", (text: string) => JSON.stringify(text).slice(1, -1)],
    [
      "in HTML",
      (text: string) =>
        text
          .replaceAll("&", "&amp;")
          .replaceAll("<", "&lt;")
          .replaceAll('"', "&quot;")
          .replaceAll("'", "&#39;"),
    ],
    [
      "in HTML that a Go template escaped",
      (text: string) =>
        text
          .replaceAll("&", "&amp;")
          .replaceAll("<", "&lt;")
          .replaceAll('"', "&#34;")
          .replaceAll("'", "&#39;")
          .replaceAll("+", "&#43;"),
    ],
    [
      "in HTML that a Mustache template escaped",
      (text: string) =>
        text
          .replaceAll("&", "&amp;")
          .replaceAll("<", "&lt;")
          .replaceAll('"', "&quot;")
          .replaceAll("'", "&#39;")
          .replaceAll("/", "&#x2F;")
          .replaceAll("=", "&#x3D;"),
    ],
  ])("a sent credential is found %s", (_, write) => {
    const strange = `pa<ss>&w"o'rd ~(é) % a+b/c=`.replace(">", "");
    rememberCredential(strange);
    expect(withoutCredentials(`it refuses [${write(strange)}]`)).toBe("it refuses [<secret>]");
  });
});
