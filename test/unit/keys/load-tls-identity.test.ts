import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CertificateSpec } from "../../../src/config/spec.js";
import { loadTlsIdentity } from "../../../src/keys/load-tls-identity.js";
import { type Authority, createAuthority, type IssuedCertificate } from "../../support/certificates.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { backdate } from "../secrets/backdate.js";

const passphrase = "canary-of-a-passphrase";
let folder: string;
let authority: Authority;
let agent: IssuedCertificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tls-identity-"));
  authority = await createAuthority();
  agent = await authority.issue({ subject: "CN=agent", client: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The files of one test. */
let cert: string;
let key: string;
let count = 0;
beforeEach(() => {
  count += 1;
  cert = join(folder, `${count}.crt`);
  key = join(folder, `${count}.key`);
});

const put = async (certificate: string, privateKey: string): Promise<void> => {
  await Promise.all([writeFile(cert, certificate), writeFile(key, privateKey)]);
  await backdate(cert, key);
};
const spec = (more: Partial<CertificateSpec> = {}): CertificateSpec => ({
  cert: { file: cert },
  key: { file: key },
  ...more,
});
const context = { server: "billing", env: { PASSPHRASE: passphrase, WRONG: "wrong-canary" } };
const encrypted = (privateKey: string, type: "pkcs8" | "sec1" = "pkcs8") =>
  createPrivateKey(privateKey).export({ type, format: "pem", cipher: "aes-256-cbc", passphrase }).toString();

/** Returns the message of the `key_invalid` of a load, and checks that the error does not show the key. */
async function keyInvalidMessage(work: Promise<unknown>): Promise<string> {
  const error = await rejectionOf(work);
  expect(error).toMatchObject({ code: "key_invalid", server: "billing", retryable: false });
  expect(error.cause).toBeUndefined();
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  expect(shown).not.toMatch(/canary|-----BEGIN .*KEY|MII/);
  return error.message;
}

describe("a client certificate", () => {
  it.each(["ec", "rsa", "ed25519"] as const)("of type %s is ready for TLS with its key", async (keyType) => {
    const issued = await authority.issue({ client: true, keyType });
    await put(issued.certificate, issued.privateKey);
    const identity = await loadTlsIdentity(spec(), context);
    const { raw, validTo } = new X509Certificate(issued.certificate);
    expect(identity.thumbprint).toBe(createHash("sha256").update(raw).digest("base64url"));
    expect(identity.expiresAt).toBe(Date.parse(validTo));
    createSecureContext({ cert: identity.certificate, key: identity.privateKey.reveal() });
  });

  it("shows nothing of its key, even if that is in the file of the certificate", async () => {
    await put(`${agent.privateKey}${agent.certificate}`, agent.privateKey);
    const identity = await loadTlsIdentity(spec(), context);
    expect(identity.certificate).toBe(agent.certificate);
    const shown = `${inspect(identity, { depth: 9, showHidden: true })}${JSON.stringify(identity)}`;
    expect(shown).not.toContain("PRIVATE KEY");
    expect(shown).toContain("<secret>");
  });

  it("can be in one file with its key", async () => {
    await writeFile(cert, `${agent.certificate}${authority.certificate}${agent.privateKey}`);
    const identity = await loadTlsIdentity(spec({ key: { file: cert } }), context);
    createSecureContext({ cert: identity.certificate, key: identity.privateKey.reveal() });
  });

  it("keeps its chain, and has the thumbprint of the first certificate", async () => {
    await put(`${agent.certificate}${authority.certificate}`, agent.privateKey);
    const identity = await loadTlsIdentity(spec(), context);
    expect(identity.certificate).toBe(`${agent.certificate}${authority.certificate}`);
    const { raw } = new X509Certificate(agent.certificate);
    expect(identity.thumbprint).toBe(createHash("sha256").update(raw).digest("base64url"));
  });

  it.each([
    ["Windows line ends", (pem: string) => pem.replaceAll("\n", "\r\n")],
    ["line breaks written as \\n", (pem: string) => pem.replaceAll("\n", "\\n")],
  ])("in environment variables may have %s", async (_, change) => {
    const env = { CERT: change(agent.certificate), KEY: change(agent.privateKey) };
    const identity = await loadTlsIdentity(
      { cert: { env: "CERT" }, key: { env: "KEY" } },
      { server: "billing", env },
    );
    createSecureContext({ cert: identity.certificate, key: identity.privateKey.reveal() });
  });

  it.each(["pkcs8", "sec1"] as const)("with an encrypted key in %s is decrypted", async (type) => {
    await put(agent.certificate, encrypted(agent.privateKey, type));
    const identity = await loadTlsIdentity(spec({ passphrase: { env: "PASSPHRASE" } }), context);
    expect(createPrivateKey(identity.privateKey.reveal()).equals(createPrivateKey(agent.privateKey))).toBe(
      true,
    );
    createSecureContext({ cert: identity.certificate, key: identity.privateKey.reveal() });
  });
});

describe("a client certificate that is read again", () => {
  it("is the same object while nothing has changed, even for concurrent callers", async () => {
    await put(agent.certificate, encrypted(agent.privateKey));
    const one = spec({ passphrase: { env: "PASSPHRASE" } });
    const identities = await Promise.all(Array.from({ length: 10 }, () => loadTlsIdentity(one, context)));
    const later = await loadTlsIdentity(one, context);
    expect(new Set([...identities, later]).size).toBe(1);
  });

  it("is another object after the files have changed, and stays the same from then on", async () => {
    const one = spec();
    await put(agent.certificate, agent.privateKey);
    const first = await loadTlsIdentity(one, context);
    const renewed = await authority.issue({ subject: "CN=agent", client: true });
    await put(renewed.certificate, renewed.privateKey);
    const second = await loadTlsIdentity(one, context);
    expect(second).not.toBe(first);
    expect(second.certificate).toBe(renewed.certificate);
    expect(second.thumbprint).not.toBe(first.thumbprint);
    expect(await loadTlsIdentity(one, context)).toBe(second);
  });

  it("is refused after it has expired, and accepted once it is renewed", async () => {
    const clock = fakeClock(Date.now());
    const one = spec();
    const short = await authority.issue({ client: true, notAfter: new Date(Date.now() + 60_000) });
    await put(short.certificate, short.privateKey);
    await loadTlsIdentity(one, { ...context, clock });
    clock.jump(61_000);
    expect(await keyInvalidMessage(loadTlsIdentity(one, { ...context, clock }))).toMatch(
      /it expired at .*Z\./,
    );
    await put(agent.certificate, agent.privateKey);
    expect((await loadTlsIdentity(one, { ...context, clock })).certificate).toBe(agent.certificate);
  });

  it("is secret_unavailable while a file is missing, and the same object afterwards", async () => {
    const one = spec();
    await put(agent.certificate, agent.privateKey);
    const first = await loadTlsIdentity(one, context);
    await rm(key);
    await backdate(folder);
    await expect(loadTlsIdentity(one, context)).rejects.toMatchObject({ code: "secret_unavailable" });
    await put(agent.certificate, agent.privateKey);
    expect(await loadTlsIdentity(one, context)).toBe(first);
  });
});

describe("an invalid client certificate", () => {
  it("without the passphrase of its key, or with a wrong one, is refused", async () => {
    await put(agent.certificate, encrypted(agent.privateKey));
    expect(await keyInvalidMessage(loadTlsIdentity(spec(), context))).toMatch(
      /the private key in the file ".*" cannot be used: it is encrypted\./,
    );
    expect(await keyInvalidMessage(loadTlsIdentity(spec({ passphrase: { env: "WRONG" } }), context))).toMatch(
      /cannot be used: it cannot be decrypted: the passphrase is wrong/,
    );
    await expect(loadTlsIdentity(spec({ passphrase: { env: "MISSING" } }), context)).rejects.toMatchObject({
      code: "secret_unavailable",
    });
  });

  it("of another key, of the same or another type, is refused", async () => {
    for (const keyType of ["ec", "rsa", "ed25519"] as const) {
      const { privateKey } = await authority.issue({ keyType });
      await put(agent.certificate, privateKey);
      expect(await keyInvalidMessage(loadTlsIdentity(spec(), context))).toMatch(
        /it is the certificate of another key\./,
      );
    }
    await put(`${authority.certificate}${agent.certificate}`, agent.privateKey);
    expect(await keyInvalidMessage(loadTlsIdentity(spec(), context))).toMatch(
      /it is the certificate of another key\..*first/,
    );
  });

  it("that has expired is refused with the time", async () => {
    const { certificate, privateKey } = await authority.issue({ notAfter: new Date("2021-06-01T12:00:00Z") });
    await put(certificate, privateKey);
    expect(await keyInvalidMessage(loadTlsIdentity(spec(), context))).toMatch(
      /it expired at 2021-06-01T12:00:00\.000Z\./,
    );
  });

  it("that is something else is refused with a description", async () => {
    const publicKey = createPublicKey(agent.privateKey).export({ type: "spki", format: "pem" }).toString();
    const request = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
    const jwk = JSON.stringify(createPublicKey(agent.privateKey).export({ format: "jwk" }));
    const damaged = agent.certificate.replace(/\n[^\n]{64}\n/, "\n");
    const inPlaceOfKey = (text: string, reason: RegExp) =>
      [agent.certificate, text, "private key", key, reason] as const;
    const inPlaceOfCertificate = (text: string, reason: RegExp) =>
      [text, agent.privateKey, "certificate", cert, reason] as const;
    for (const [certificate, privateKey, what, where, reason] of [
      inPlaceOfKey(agent.certificate, /^it holds a certificate\./),
      inPlaceOfKey(publicKey, /^it holds a public key\./),
      inPlaceOfKey(request, /^it holds a certificate request\./),
      inPlaceOfKey(jwk, /^it holds a public key\./),
      inPlaceOfKey("canary", /^it is not a key in PEM, DER or JWK/),
      inPlaceOfKey(agent.privateKey.slice(0, 100), /no END line/),
      inPlaceOfKey(agent.privateKey.replace(/\n[^\n]{64}\n/, "\n"), /is damaged/),
      inPlaceOfCertificate(agent.privateKey, /^it holds a private key and no certificate\./),
      inPlaceOfCertificate(publicKey, /^it holds a public key/),
      inPlaceOfCertificate(request, /^it holds a certificate request\./),
      inPlaceOfCertificate("canary", /^it holds no certificate in PEM/),
      inPlaceOfCertificate(damaged, /it is damaged\.$/),
      inPlaceOfCertificate(
        `${agent.certificate}${damaged}`,
        /certificate 2, which belongs to the chain, is damaged\.$/,
      ),
    ]) {
      await put(certificate, privateKey);
      const message = await keyInvalidMessage(loadTlsIdentity(spec(), context));
      const prefix = `Server "billing": the ${what} in the file "${where}" cannot be used: `;
      expect(message.slice(0, prefix.length)).toBe(prefix);
      expect(message.slice(prefix.length)).toMatch(reason);
    }
  });
});
