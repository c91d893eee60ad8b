import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { assertCertifies, assertNotExpired, readCertificate } from "../../../src/keys/certificate.js";
import { describeContent } from "../../../src/keys/describe-content.js";
import { KeyProblem, NotFound } from "../../../src/keys/signing-key.js";
import { Secret } from "../../../src/lib/secret.js";
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  selfSigned,
} from "../../support/certificates.js";

let authority: Authority;
let agent: IssuedCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  agent = await authority.issue({ subject: "CN=agent", client: true });
});

function problem(work: () => unknown, content = ""): string {
  try {
    work();
  } catch (error) {
    if (error instanceof NotFound)
      return describeContent(new Secret(content), "certificate", { env: "CERTIFICATE" });
    if (error instanceof KeyProblem) return error.message;
    throw error;
  }
  throw new Error("expected a KeyProblem");
}

describe("a certificate", () => {
  it("has its public key, its SHA-256 thumbprint and its expiry", async () => {
    const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 5_000);
    for (const keyType of ["ec", "rsa", "ed25519"] as const) {
      const issued = await selfSigned({ keyType, notAfter });
      const found = readCertificate(issued.certificate);
      const { raw } = new X509Certificate(issued.certificate);
      expect(found.thumbprint).toBe(createHash("sha256").update(raw).digest("base64url"));
      expect(found.thumbprint).toMatch(/^[\w-]{43}$/);
      expect(found.publicKey.equals(createPublicKey(issued.privateKey))).toBe(true);
      expect(found.expiresAt).toBe(notAfter.getTime());
    }
  });

  it.each([
    ["Windows line ends", (pem: string) => pem.replaceAll("\n", "\r\n")],
    ["line breaks written as \\n, as in environment variables", (pem: string) => pem.replaceAll("\n", "\\n")],
    ["indentation, as in YAML", (pem: string) => pem.replaceAll(/^/gm, "    ")],
    ["its base64 on one long line", (pem: string) => pem.replaceAll(/([A-Za-z0-9+/=])\n(?!-)/g, "$1")],
    ["no line break at its end", (pem: string) => pem.trimEnd()],
    ["text before it", (pem: string) => `Bag Attributes\n  friendlyName: agent\nsubject=CN = agent\n${pem}`],
    ["its old label", (pem: string) => pem.replaceAll(" CERTIFICATE-", " X509 CERTIFICATE-")],
    ["its private key before it", (pem: string) => `${agent.privateKey}${pem}`],
    ["its private key after it", (pem: string) => `${pem}${agent.privateKey}`],
  ])("is read with %s, and written as PEM without anything else", (_, change) => {
    const found = readCertificate(change(agent.certificate));
    expect(found.thumbprint).toBe(readCertificate(agent.certificate).thumbprint);
    expect(found.pem).toBe(agent.certificate);
  });

  it("keeps its chain in order", () => {
    const chain = `${agent.certificate}${authority.certificate}`;
    const found = readCertificate(`# agent\n${agent.certificate}\n# authority\n${authority.certificate}`);
    expect(found.pem).toBe(chain);
    expect(found.thumbprint).toBe(readCertificate(agent.certificate).thumbprint);
  });

  it("that is something else is refused with the reason", () => {
    const publicKey = createPublicKey(agent.privateKey).export({ type: "spki", format: "pem" }).toString();
    const request = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
    const damaged = agent.certificate.replace(/\n[^\n]{64}\n/, "\n");
    for (const [text, reason] of [
      [agent.privateKey, /^it holds a private key and no certificate\./],
      [publicKey, /^it holds a public key\./],
      [request, /^it holds a certificate request\./],
      ["canary-canary-canary", /^it holds no certificate in PEM/],
      ["", /^it holds no certificate in PEM/],
      [`{"x5c":["canary-canary-canary"]}`, /^it holds no certificate in PEM/],
      [damaged, /^it cannot be read as a certificate: it is damaged\.$/],
      [
        "-----BEGIN CERTIFICATE-----\ncanary-canary\n-----END CERTIFICATE-----",
        /^it cannot be read .* damaged\.$/,
      ],
      [agent.certificate.slice(0, 300), /no END line/],
      [`${agent.certificate}${damaged}`, /damaged\.$/],
    ] as const) {
      const said = problem(() => readCertificate(text), text);
      expect(said).toMatch(reason);
      expect(said).not.toContain("canary");
    }
  });

  it("is expired from its notAfter time on", () => {
    const certificate = { ...readCertificate(agent.certificate), expiresAt: Date.UTC(2026, 0, 1) };
    assertNotExpired(certificate, Date.UTC(2026, 0, 1) - 1);
    expect(problem(() => assertNotExpired(certificate, Date.UTC(2026, 0, 1)))).toBe(
      "it expired at 2026-01-01T00:00:00.000Z. Replace it with the renewed one.",
    );
  });

  it("of another key, of the same or another type, does not certify the key", async () => {
    const found = readCertificate(agent.certificate);
    assertCertifies(found, createPrivateKey(agent.privateKey));
    for (const keyType of ["ec", "rsa", "ed25519"] as const) {
      const { privateKey } = await selfSigned({ keyType });
      expect(problem(() => assertCertifies(found, createPrivateKey(privateKey)))).toMatch(
        /^it is the certificate of another key\./,
      );
    }
  });
});
