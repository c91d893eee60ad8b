import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { decodeProtectedHeader, jwtVerify } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { PrivateKeySpec } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { loadKey } from "../../../src/keys/load-key.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import type { SigningKey } from "../../../src/keys/signing-key.js";
import { type Authority, createAuthority, type IssuedCertificate } from "../../support/certificates.js";
import { fakeClock } from "../../support/fake-clock.js";

let authority: Authority;
let agent: IssuedCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  agent = await authority.issue({ subject: "CN=agent" });
});

const spec: PrivateKeySpec = { privateKey: { env: "KEY" }, certificate: { env: "CERTIFICATE" } };
const thumbprint = (pem: string) =>
  createHash("sha256").update(new X509Certificate(pem).raw).digest("base64url");

const load = ({ certificate, privateKey }: IssuedCertificate, more: object = {}): Promise<SigningKey> =>
  loadKey({ ...spec, ...more }, { server: "billing", env: { KEY: privateKey, CERTIFICATE: certificate } });

async function problem(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  expect(error).toMatchObject({ code: "key_invalid", server: "billing", retryable: false });
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  expect(shown).not.toMatch(/canary|MII/);
  const prefix =
    'Server "billing": the certificate in the environment variable "CERTIFICATE" cannot be used: ';
  expect(error.message.slice(0, prefix.length)).toBe(prefix);
  return error.message.slice(prefix.length);
}

describe("a key with its certificate", () => {
  it.each(["ec", "rsa", "ed25519"] as const)(
    "of type %s sends the certificate's thumbprint",
    async (keyType) => {
      const issued = await authority.issue({ keyType });
      const key = await load(issued);
      const publicKey = createPublicKey(issued.certificate);
      for (const alg of key.algorithms) {
        const jwt = await signJwt(key, { alg, typ: "JWT", claims: { sub: "agent" }, server: "billing" });
        const { protectedHeader } = await jwtVerify(jwt, publicKey, { algorithms: [alg] });
        expect(protectedHeader).toEqual({
          alg,
          kid: key.kid,
          typ: "JWT",
          "x5t#S256": thumbprint(issued.certificate),
        });
      }
    },
  );

  it("sends the thumbprint even without a kid", async () => {
    const key = await load(agent, { kid: false });
    const jwt = await signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" });
    expect(decodeProtectedHeader(jwt)).toEqual({
      alg: "ES256",
      typ: "JWT",
      "x5t#S256": thumbprint(agent.certificate),
    });
  });

  it("sends the thumbprint of the first certificate of a chain", async () => {
    const key = await load({ ...agent, certificate: `${agent.certificate}${authority.certificate}` });
    expect(key.certificateThumbprint).toBe(thumbprint(agent.certificate));
  });

  const headerOf = async (key: SigningKey) =>
    decodeProtectedHeader(await signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" }));
  const der = (pem: string) => new X509Certificate(pem).raw;
  const sha1 = (pem: string) => createHash("sha1").update(der(pem)).digest("base64url");

  it("sends its certificate in each of the ways that the config names, and in no other", async () => {
    const chain = { ...agent, certificate: `${agent.certificate}${authority.certificate}` };
    const all = {
      "x5t#S256": thumbprint(agent.certificate),
      x5t: sha1(agent.certificate),
      x5c: [agent.certificate, authority.certificate].map((pem) => der(pem).toString("base64")),
    };
    const names = ["x5t#S256", "x5t", "x5c"] as const;
    for (const certificateHeaders of [[names[0]], [names[1]], [names[2]], ["x5c", "x5t"], names] as const) {
      const { alg, kid, typ, ...sent } = await headerOf(await load(chain, { certificateHeaders }));
      const wanted: readonly string[] = certificateHeaders;
      const expected = Object.entries(all).filter(([name]) => wanted.includes(name));
      expect(sent).toEqual(Object.fromEntries(expected));
      expect([alg, typ, kid]).toEqual(["ES256", "JWT", expect.any(String)]);
    }
  });

  it("sends the chain in the order of the file, without a private key that is in the file too", async () => {
    const intermediate = await createAuthority();
    const certificate = [
      agent.privateKey,
      agent.certificate,
      intermediate.certificate,
      authority.certificate,
    ].join("");
    const { x5c } = await headerOf(await load({ ...agent, certificate }, { certificateHeaders: ["x5c"] }));
    const sent = [agent.certificate, intermediate.certificate, authority.certificate];
    expect(x5c).toEqual(sent.map((pem) => der(pem).toString("base64")));
  });

  it("refuses to send a chain that begins with the certificate of another key", async () => {
    const certificate = `${authority.certificate}${agent.certificate}`;
    expect(await problem(load({ ...agent, certificate }, { certificateHeaders: ["x5c"] }))).toBe(
      "it is the certificate of another key. In a chain, the certificate of the key must come first.",
    );
  });

  it("is another bundle when only the chain changes, if the chain is sent", async () => {
    const one: PrivateKeySpec = { ...spec, certificateHeaders: ["x5t", "x5c"] };
    const read = (certificate: string) =>
      loadKey(one, { server: "billing", env: { KEY: agent.privateKey, CERTIFICATE: certificate } });
    const first = await read(agent.certificate);
    const second = await read(`${agent.certificate}${authority.certificate}`);
    expect(second.bundle).not.toBe(first.bundle);
    expect([first, second].map((key) => key.certificateParameters?.x5c?.length)).toEqual([1, 2]);
  });

  it("can be in one file with it, in either order", async () => {
    for (const both of [
      `${agent.privateKey}${agent.certificate}`,
      `${agent.certificate}${agent.privateKey}`,
    ]) {
      const key = await load({ certificate: both, privateKey: both });
      expect(key.certificateThumbprint).toBe(thumbprint(agent.certificate));
    }
  });

  it("is another bundle as soon as either changes, but not if only the encoding changes", async () => {
    const one = { ...spec };
    const read = ({ certificate, privateKey }: IssuedCertificate) =>
      loadKey(one, { server: "billing", env: { KEY: privateKey, CERTIFICATE: certificate } });
    const first = await read(agent);
    expect(await read({ ...agent })).toBe(first);
    const withChain = await read({ ...agent, certificate: `${agent.certificate}${authority.certificate}` });
    expect(withChain).toBe(first);
    const renewed = await authority.issue();
    const second = await read(renewed);
    expect(second.certificateThumbprint).toBe(thumbprint(renewed.certificate));
    expect(second.kid).not.toBe(first.kid);
  });

  it("is refused when the certificate has expired since it was read", async () => {
    const clock = fakeClock(Date.now());
    const one = { ...spec };
    const issued = await authority.issue({ notAfter: new Date(Date.now() + 60_000) });
    const env = { KEY: issued.privateKey, CERTIFICATE: issued.certificate };
    const read = () => loadKey(one, { server: "billing", env, clock });
    const first = await read();
    expect(await read()).toBe(first);
    clock.jump(61_000);
    expect(await problem(read())).toMatch(/^it expired at .*Z\. Replace it with the renewed one\.$/);
  });
});

describe("the certificate of a key", () => {
  it("that belongs to another key is refused", async () => {
    for (const keyType of ["ec", "rsa", "ed25519"] as const) {
      const { certificate } = await authority.issue({ keyType });
      expect(await problem(load({ ...agent, certificate }))).toMatch(
        /^it is the certificate of another key\./,
      );
    }
    const chain = `${authority.certificate}${agent.certificate}`;
    expect(await problem(load({ ...agent, certificate: chain }))).toMatch(/another key\..*first\.$/);
  });

  it("that belongs to another key does not prevent the next key from being read", async () => {
    for (const keyType of ["rsa", "ed25519", "ec"] as const) {
      const { certificate } = await authority.issue({ keyType });
      await problem(load({ ...agent, certificate }));
      expect((await load(agent)).certificateThumbprint).toBe(thumbprint(agent.certificate));
    }
  });

  it("that has expired is refused with the time", async () => {
    const issued = await authority.issue({ notAfter: new Date("2021-06-01T12:00:00Z") });
    expect(await problem(load(issued))).toBe(
      "it expired at 2021-06-01T12:00:00.000Z. Replace it with the renewed one.",
    );
  });

  it("that is not valid yet is refused with the time, but not if the clock may be a little behind", async () => {
    const notBefore = new Date("2026-06-01T12:00:00Z");
    const issued = await authority.issue({ notBefore, notAfter: new Date("2026-07-01T12:00:00Z") });
    const at = (milliseconds: number) =>
      loadKey(
        { ...spec },
        {
          ...{ server: "billing", clock: fakeClock(notBefore.getTime() + milliseconds) },
          env: { KEY: issued.privateKey, CERTIFICATE: issued.certificate },
        },
      );
    expect(await problem(at(-300_001))).toMatch(/^it is not valid before 2026-06-01T12:00:00\.000Z\./);
    expect((await at(-300_000)).certificateThumbprint).toBe(thumbprint(issued.certificate));
  });

  it("that is something else is refused with a description", async () => {
    const damaged = agent.certificate.replace(/\n[^\n]{64}\n/, "\n");
    const publicKey = createPublicKey(agent.privateKey).export({ type: "spki", format: "pem" }).toString();
    for (const [certificate, reason] of [
      [agent.privateKey, /^it holds a private key and no certificate\./],
      [publicKey, /^it holds a public key/],
      ["canary", /^it holds no certificate in PEM/],
      [damaged, /damaged\.$/],
      [agent.certificate.slice(0, 200), /no END line/],
    ] as const) {
      expect(await problem(load({ ...agent, certificate }))).toMatch(reason);
    }
  });

  it("that is missing is secret_unavailable", async () => {
    const work = loadKey(spec, { server: "billing", env: { KEY: agent.privateKey } });
    await expect(work).rejects.toMatchObject({ code: "secret_unavailable" });
  });
});
