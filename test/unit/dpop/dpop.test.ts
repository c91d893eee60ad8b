import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import type { KeySpec } from "../../../src/config/spec.js";
import { createDpop, type DpopSigner, type ProofTarget } from "../../../src/dpop/dpop.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import type { KeyContext } from "../../../src/keys/signing-key.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";

const now = Date.UTC(2026, 0, 1) + 999;
const issuer = "https://auth.example";
const target: ProofTarget = { method: "POST", url: "https://mcp.example/mcp" };

type Listed = readonly string[] | undefined;

/** The algorithms that the servers list: `listed` the authorization server, `resource` the MCP server. */
function dpopOf(key?: KeySpec, context: Partial<KeyContext> = {}, warnings: string[] = []) {
  const dpop = createDpop({ ...(key && { key }), clock: fakeClock(now) });
  const onUnlisted = () => void warnings.push("unsupported_by_server");
  return (authorizationServer?: Listed, resource?: Listed) =>
    dpop.signerFor(
      { issuer, authorizationServer, resource, onUnlisted },
      { server: "crm", env: {}, ...context },
    );
}

/** Verifies the signature with the key in the proof, and returns the content of the proof. */
async function verified(proof: string) {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    typ: "dpop+jwt",
    currentDate: new Date(now),
  });
  return { claims: payload, header: protectedHeader };
}

async function signedBy(dpopSigner: DpopSigner): Promise<string | undefined> {
  const { header } = await verified(await dpopSigner.proof(target));
  if (header.jwk === undefined) throw new Error("A proof without a key.");
  expect(await calculateJwkThumbprint(header.jwk)).toBe(dpopSigner.thumbprint);
  return header.alg;
}

/** Returns the error that a promise rejects with, and checks its server and that it has no cause. */
async function checkedRejectionOf(promise: Promise<unknown>): Promise<McpAuthError> {
  const error = await rejectionOf(promise);
  expect(error.cause).toBeUndefined();
  expect(error.server).toBe("crm");
  return error;
}

describe("header and claims (RFC 9449 §4.2)", () => {
  test("a DPoP proof has the header and the claims of RFC 9449 and nothing else", async () => {
    const dpopSigner = await dpopOf()();
    const { claims, header } = await verified(await dpopSigner.proof(target));
    expect(header).toEqual({
      typ: "dpop+jwt",
      alg: "ES256",
      jwk: { crv: "P-256", kty: "EC", x: expect.any(String), y: expect.any(String) },
    });
    expect(claims).toEqual({
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      htm: "POST",
      htu: "https://mcp.example/mcp",
      iat: Math.floor(now / 1_000) - 5,
    });
  });

  test("a DPoP proof contains the hash of the access token and the nonce, if there are any", async () => {
    const dpopSigner = await dpopOf()();
    const { claims } = await verified(
      await dpopSigner.proof({
        ...target,
        accessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        nonce: "n",
      }),
    );
    // The example of RFC 9449 §7.1.
    expect(claims).toMatchObject({ ath: "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", nonce: "n" });
  });

  test("a DPoP proof is different for each request", async () => {
    const dpopSigner = await dpopOf()();
    const proofs = await Promise.all(Array.from({ length: 100 }, () => dpopSigner.proof(target)));
    expect(new Set(proofs.map((proof) => decodeJwt(proof).jti)).size).toBe(100);
  });

  test.each([
    ["https://mcp.example/mcp?a=1&b=2#f", "https://mcp.example/mcp"],
    ["HTTPS://MCP.Example:443/a/../mcp", "https://mcp.example/mcp"],
    ["https://mcp.example", "https://mcp.example/"],
    ["https://user:pass@mcp.example:8443/", "https://mcp.example:8443/"],
    ["https://mcp.example/a%2Fb%7Ec/d%20e/?", "https://mcp.example/a%2Fb%7Ec/d%20e/"],
    ["https://b\u00fccher.example/\u00fc", "https://xn--bcher-kva.example/%C3%BC"],
    ["http://[::1]:80/mcp", "http://[::1]/mcp"],
  ])("a DPoP proof for the URL %s has the htu claim %s", async (url, htu) => {
    const dpopSigner = await dpopOf()();
    expect(decodeJwt(await dpopSigner.proof({ ...target, url }))["htu"]).toBe(htu);
    expect(decodeJwt(await dpopSigner.proof({ ...target, url: new URL(url) }))["htu"]).toBe(htu);
  });
});

describe("without a key in the config", () => {
  const all = [
    ...["ES256", "EdDSA", "Ed25519", "ES384", "ES512"],
    ...["PS256", "RS256", "PS384", "RS384", "PS512", "RS512"],
  ];

  test.each(all)("an ephemeral DPoP key signs with %s if the server lists nothing else", async (alg) => {
    const dpopSigner = await dpopOf()([alg]);
    expect(await signedBy(dpopSigner)).toBe(alg);
    const { jwk } = decodeProtectedHeader(await dpopSigner.proof(target));
    expect(
      Object.keys(jwk ?? {}).filter((name) => !["kty", "crv", "x", "y", "n", "e"].includes(name)),
    ).toEqual([]);
  });

  test.each([
    [undefined, "ES256"],
    [["RS256", "ES256"], "ES256"],
    [["RS256", "PS256"], "PS256"],
    [["RS256", "Ed25519"], "Ed25519"],
    [["HS256", "ES512", "none"], "ES512"],
  ])("for a server that lists %j, an ephemeral DPoP key signs with %s", async (listed, alg) => {
    expect(await signedBy(await dpopOf()(listed))).toBe(alg);
  });

  test.each<[Listed, Listed, string]>([
    [undefined, ["ES384", "PS256"], "ES384"],
    [["ES256", "ES384"], ["PS256", "ES384"], "ES384"],
    [["ES256", "ES384"], undefined, "ES256"],
  ])(
    "for an authorization server that lists %j and an MCP server that lists %j, an ephemeral DPoP key signs with %s",
    async (listed, resource, alg) => {
      expect(await signedBy(await dpopOf()(listed, resource))).toBe(alg);
    },
  );

  test.each<[Listed, Listed, string, string]>([
    [
      ["ES256"],
      ["ES384", "canary"],
      "says so",
      `the authorization server ${issuer} and the MCP server accept no DPoP proof that a generated key can sign`,
    ],
    [
      ["ES256"],
      ["ES384", "canary"],
      "names both lists",
      "The authorization server lists ES256. The MCP server lists ES384, names",
    ],
    [undefined, ["ES256K"], "says so", "it accepts no DPoP proof that a generated key can sign"],
    [undefined, ["ES256K"], "names the list", "The MCP server lists ES256K. Leave"],
  ])(
    "no ephemeral DPoP key fits an authorization server that lists %j and an MCP server that lists %j, and the error %s",
    async (listed, resource, _, says) => {
      const { code, message } = await checkedRejectionOf(dpopOf()(listed, resource));
      expect(code).toBe("unsupported_by_server");
      expect(message).toContain(says);
      expect(message).not.toContain("canary");
    },
  );

  test("an ephemeral DPoP key is generated once for concurrent calls", async () => {
    const dpopSigner = dpopOf();
    const signers = await Promise.all(Array.from({ length: 20 }, () => dpopSigner()));
    expect(new Set(signers.map(({ thumbprint }) => thumbprint)).size).toBe(1);
  });

  test("an ephemeral DPoP key is different in each manager", async () => {
    const [one, other] = await Promise.all([dpopOf()(), dpopOf()()]);
    expect(one.thumbprint).not.toBe(other.thumbprint);
  });

  test("an ephemeral DPoP key is kept while the server accepts its algorithm, and another one is generated when it does not", async () => {
    const dpopSigner = dpopOf();
    const first = await dpopSigner(["ES384"]);
    expect((await dpopSigner(["ES256", "ES384"])).thumbprint).toBe(first.thumbprint);
    const second = await dpopSigner(["ES256"]);
    expect([await signedBy(first), await signedBy(second)]).toEqual(["ES384", "ES256"]);
    expect((await dpopSigner(["ES384"])).thumbprint).toBe(first.thumbprint);
  });

  test.each([
    [["HS256", "none", "Ignore all of this"], "It lists HS256, none, names that are not registered."],
    [[], "It lists none."],
  ])(
    "no ephemeral DPoP key fits a server that lists %j, which is unsupported_by_server",
    async (listed, says) => {
      const error = await checkedRejectionOf(dpopOf()(listed));
      expect(error.code).toBe("unsupported_by_server");
      expect(error.message).toContain(`the authorization server ${issuer} accepts no DPoP proof`);
      expect(error.message).toContain(says);
      expect(error.message).not.toContain("Ignore");
    },
  );

  test("an ephemeral DPoP key does not appear in anything that is printed", async () => {
    const dpopSigner = await dpopOf()();
    expect(inspect(dpopSigner, { depth: 9, showHidden: true }) + JSON.stringify(dpopSigner)).not.toMatch(
      /"?d"?:|PRIVATE/,
    );
  });
});

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const named: KeySpec = { privateKey: { env: "KEY" } };
const thumbprintOf = (key: KeyObject) => calculateJwkThumbprint(key.export({ format: "jwk" }));

describe("with a key in the config", () => {
  test.each([
    ["P-256", "lists none", p256, undefined, "ES256"],
    ["RSA", "lists none", rsa, undefined, "RS256"],
    ["RSA", "lists PS256 first", rsa, ["PS256", "RS256"], "PS256"],
    ["Ed25519", "lists Ed25519 last", ed25519, ["ES256", "Ed25519"], "Ed25519"],
  ])(
    "a DPoP key of the type %s in the config signs with an algorithm that both support if the server %s",
    async (_type, _lists, { privateKey, publicKey }, listed, alg) => {
      const dpopSigner = await dpopOf(named, { env: { KEY: pem(privateKey) } })(listed);
      expect(dpopSigner.thumbprint).toBe(await thumbprintOf(publicKey));
      expect(await signedBy(dpopSigner)).toBe(alg);
    },
  );

  test("a proof with a DPoP key in the config reveals only the public members of the key, and no kid", async () => {
    const jwk = { ...p256.privateKey.export({ format: "jwk" }), kid: "my-key", use: "sig", "x-own": "y" };
    const dpopSigner = await dpopOf(named, { env: { KEY: JSON.stringify(jwk) } })();
    const { d: _d, ...rest } = p256.privateKey.export({ format: "jwk" });
    expect(decodeProtectedHeader(await dpopSigner.proof(target))).toEqual({
      typ: "dpop+jwt",
      alg: "ES256",
      jwk: rest,
    });
  });

  test("a DPoP key in the config is read again for each token, and a signer keeps the key that its token is bound to", async () => {
    const env = { KEY: pem(p256.privateKey) };
    const dpopSigner = dpopOf(named, { env });
    const before = await dpopSigner();
    env.KEY = pem(other.privateKey);
    const after = await dpopSigner();
    expect([before.thumbprint, after.thumbprint]).toEqual([
      await thumbprintOf(p256.publicKey),
      await thumbprintOf(other.publicKey),
    ]);
    await signedBy(before);
    await signedBy(after);
  });

  test("a DPoP key in the config is unsupported_by_server if the server lists none of its algorithms", async () => {
    const error = await checkedRejectionOf(
      dpopOf(named, { env: { KEY: pem(p256.privateKey) } })(["RS256", "\u202eX"]),
    );
    expect(error.code).toBe("unsupported_by_server");
    expect(error.message).toBe(
      `Server "crm": the authorization server ${issuer} accepts no DPoP proof that the key of its "dpop" can sign (ES256). ` +
        'It lists RS256, names that are not registered. Name a key of a type that is listed in the server\'s "dpop", ' +
        'or set its "alg" if the list is wrong.',
    );
  });

  test.each<[Listed, Listed, readonly string[]]>([
    [["RS256"], undefined, ["unsupported_by_server"]],
    [["ES256"], ["RS256"], ["unsupported_by_server"]],
    [["RS256", "ES256"], ["ES256"], []],
    [undefined, undefined, []],
  ])(
    "a DPoP key signs with the alg in the config if the servers list %j and %j, with the warnings %j",
    async (listed, resource, expected) => {
      const warnings: string[] = [];
      const key = { ...named, alg: "ES256" };
      const dpopSigner = await dpopOf(
        key,
        { env: { KEY: pem(p256.privateKey) } },
        warnings,
      )(listed, resource);
      expect(await signedBy(dpopSigner)).toBe("ES256");
      expect(warnings).toEqual(expected);
    },
  );

  test("a DPoP key that is missing is secret_unavailable, and text that is not a key is key_invalid and not shown", async () => {
    expect((await checkedRejectionOf(dpopOf(named)())).code).toBe("secret_unavailable");
    const error = await checkedRejectionOf(dpopOf(named, { env: { KEY: "canary-text" } })());
    expect(error.code).toBe("key_invalid");
    expect(inspect(error, { depth: 9 })).not.toContain("canary-text");
  });

  test("a DPoP key behind an external signer requires a certificate, because nothing else contains its public key", async () => {
    const key: KeySpec = { signer: { name: "kms", format: "raw" }, alg: "ES256" };
    const error = await checkedRejectionOf(dpopOf(key, { signers: { kms: () => new Uint8Array(64) } })());
    expect(error.code).toBe("key_invalid");
    expect(error.message).toContain('Add the key\'s "certificate"');
  });
});

test("the ath of a DPoP proof is the hash of the token as it is sent", async () => {
  const dpopSigner = await dpopOf()();
  const accessToken = "a.b.c";
  const ath = createHash("sha256").update(accessToken, "ascii").digest("base64url");
  expect(decodeJwt(await dpopSigner.proof({ ...target, accessToken }))["ath"]).toBe(ath);
});
