import { describe, expect, it } from "vitest";
import { McpAuthError } from "../../../../src/errors/error.js";
import { Secret } from "../../../../src/lib/secret.js";
import { bindingOf } from "../../../../src/oauth/token-endpoint/token-binding.js";
import { unsignedJwt } from "../fixtures.js";

const invalid = (problem: string) => new McpAuthError("token_response_invalid", problem);
const dpopSigner = { thumbprint: "our-key", alg: "ES256", proof: async () => "proof" };
const fetchAs: typeof fetch = () => Promise.reject(new Error("not called"));
const certificate = {
  fetch: fetchAs,
  identity: {
    certificate: "PEM",
    privateKey: new Secret("PEM"),
    passphrase: undefined,
    thumbprint: "our-certificate",
    expiresAt: 7,
  },
};
const presented = { fetch: fetchAs, thumbprint: "our-certificate", expiresAt: 7 };
const jwt = (cnf?: unknown) => unsignedJwt(cnf === undefined ? { sub: "a" } : { sub: "a", cnf });

describe("the binding of a token", () => {
  it.each([
    ["nothing, without a key and a certificate", "opaque", {}, undefined],
    ["nothing, for a JWT without cnf", jwt(), {}, undefined],
    ["nothing, for a text that only looks like a JWT", "a.b.c", {}, undefined],
    ["nothing, for a cnf that is not an object", jwt("text"), {}, undefined],
    ["the key", "opaque", { dpopSigner }, { dpopSigner }],
    ["the key that its cnf names", jwt({ jkt: "our-key" }), { dpopSigner }, { dpopSigner }],
    ["the key, for a JWT that does not name it", jwt(), { dpopSigner }, { dpopSigner }],
    ["the certificate", "opaque", { certificate }, { certificate: { ...presented, bound: true } }],
    [
      "the certificate that its cnf names",
      jwt({ "x5t#S256": "our-certificate" }),
      { certificate },
      { certificate: { ...presented, bound: true } },
    ],
    [
      "the certificate, not bound, for a JWT without cnf",
      jwt(),
      { certificate },
      { certificate: { ...presented, bound: false } },
    ],
    [
      "the certificate, not bound, for a JWT that is bound only to a key",
      jwt({ jkt: "our-key" }),
      { certificate, dpopSigner },
      { dpopSigner, certificate: { ...presented, bound: false } },
    ],
    // A proxy that ends our connections, as in a service mesh, may present it.
    ["nothing, for a certificate that a proxy may present", jwt({ "x5t#S256": "theirs" }), {}, undefined],
  ])("is %s", (_, token, withWhat, expected) => {
    expect(bindingOf(token, withWhat, invalid)).toEqual(expected);
  });

  it.each([
    ["another key", jwt({ jkt: "canary" }), { dpopSigner }],
    ["a key, if the request had no proof", jwt({ jkt: "canary" }), {}],
    ["a key, if the request presented a certificate", jwt({ jkt: "canary" }), { certificate }],
    ["another certificate", jwt({ "x5t#S256": "canary" }), { certificate }],
    [
      "our key but another certificate",
      jwt({ jkt: "our-key", "x5t#S256": "canary" }),
      { dpopSigner, certificate },
    ],
  ])("is refused for %s", (_, token, withWhat) => {
    let thrown: unknown;
    try {
      bindingOf(token, withWhat, invalid);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "token_response_invalid" });
    expect(String(thrown)).not.toContain("canary");
  });
});
