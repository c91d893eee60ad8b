import { describe, expect, test } from "vitest";
import type { ProofTarget } from "../../../src/dpop/dpop.js";
import { systemClock } from "../../../src/lib/clock.js";
import { WaitLimits } from "../../../src/lib/wait-limits.js";
import type { Binding } from "../../../src/oauth/issued-token.js";
import { bareToken, tokenHeaders } from "../../../src/runtime/sender-constrained.js";
import { Token } from "../../../src/tokens/token.js";
import { rejectionOf } from "../../support/rejection-of.js";

const url = new URL("https://mcp.example/mcp");

function token(binding?: Binding): Token {
  return new Token({
    accessToken: "t1",
    tokenType: binding?.dpopSigner === undefined ? "Bearer" : "DPoP",
    requestedAt: 0,
    expiresAt: 60_000,
    scopes: [],
    issuer: "https://auth.example",
    binding,
  });
}

const proofs: ProofTarget[] = [];
const dpopSigner = {
  thumbprint: "jkt",
  alg: "ES256",
  async proof(target: ProofTarget) {
    return `proof-${proofs.push(target)}`;
  },
};
const certificate = (bound: boolean) => ({ fetch, thumbprint: "x5t", expiresAt: 60_000, bound });

const timeAt = ({ host }: URL) => ({ now: () => host.length, host });

const headersOf = (held: Token, request: { method?: string; url?: string } = {}) =>
  tokenHeaders(held, {
    server: "crm",
    request,
    nonce: (target) => `nonce of ${target.host}`,
    time: timeAt,
    signal: undefined,
    limits: new WaitLimits({ server: "crm", clock: systemClock, deadline: 60_000 }),
  });

describe("bareToken", () => {
  test("a token that works without a key or certificate is returned as a string", () => {
    expect(bareToken("crm", token())).toBe("t1");
    expect(bareToken("crm", token({ certificate: certificate(false) }))).toBe("t1");
  });

  test.each([
    ["a key", { dpopSigner }, "bound to a key (DPoP)"],
    ["a certificate", { certificate: certificate(true) }, "bound to a client certificate"],
  ])("a token that is bound to %s is not returned as a string: sender_constrained", (_, binding, text) => {
    const error = expect.objectContaining({
      code: "sender_constrained",
      message: expect.stringContaining(text),
    });
    expect(() => bareToken("crm", token(binding))).toThrow(error);
  });
});

describe("tokenHeaders", () => {
  test("the headers of a bearer token are Authorization alone", async () => {
    expect(await headersOf(token())).toEqual({ authorization: "Bearer t1" });
  });

  test("the headers of a token that is bound to a key have a proof for one request, with the nonce of its server", async () => {
    const request = { method: "post", url: "https://mcp.example/mcp/messages?a=b" };
    proofs.length = 0;
    expect(await headersOf(token({ dpopSigner }), request)).toEqual({
      authorization: "DPoP t1",
      dpop: "proof-1",
    });
    expect(proofs).toEqual([
      {
        method: "POST",
        url: new URL("https://mcp.example/mcp/messages?a=b"),
        accessToken: "t1",
        nonce: "nonce of mcp.example",
        time: expect.objectContaining({ host: "mcp.example" }),
        signal: expect.any(AbortSignal),
      },
    ]);
  });

  test("headers for a token that is bound to a key need a method and a URL", async () => {
    expect((await rejectionOf(headersOf(token({ dpopSigner }), { method: "GET" }))).code).toBe(
      "sender_constrained",
    );
    expect((await rejectionOf(headersOf(token({ dpopSigner }), { url: url.href }))).code).toBe(
      "sender_constrained",
    );
  });

  test("there are no headers for a token that is bound to a certificate", async () => {
    const held = token({ certificate: certificate(true) });
    expect((await rejectionOf(headersOf(held, { method: "GET", url: url.href }))).code).toBe(
      "sender_constrained",
    );
  });
});
