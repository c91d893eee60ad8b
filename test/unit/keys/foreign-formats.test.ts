import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadKey } from "../../../src/keys/load-key.js";
import { loadTlsIdentity } from "../../../src/keys/load-tls-identity.js";
import { selfSigned } from "../../support/certificates.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { backdate } from "../secrets/backdate.js";
import {
  certificateRequest,
  encryptedOpenSshEc,
  encryptedOpenSshEd25519,
  openSshKeys,
  pkcs7,
  pkcs12,
} from "./foreign-keys.js";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const dsa = generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 });
const privateKey = ec.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreign-formats-"));
  file = join(folder, "the key");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const place = async (content: string | Uint8Array) => {
  await writeFile(file, content);
  await backdate(file);
};

/** Returns the message for a file in place of a private key, with FILE for its path. */
async function keyProblem(content: string | Uint8Array): Promise<string> {
  await place(content);
  return await problem(loadKey({ privateKey: { file } }, { server: "a", env: {} }), content);
}

async function keyProblemInVariable(text: string): Promise<string> {
  return await problem(loadKey({ privateKey: { env: "KEY" } }, { server: "a", env: { KEY: text } }), text);
}

async function certificateProblem(content: string | Uint8Array): Promise<string> {
  await place(content);
  const identity = loadTlsIdentity(
    { cert: { file }, key: { env: "KEY" } },
    { server: "a", env: { KEY: privateKey } },
  );
  return await problem(identity, content);
}

async function problem(work: Promise<unknown>, content: string | Uint8Array): Promise<string> {
  const error = await rejectionOf(work);
  expect(error).toMatchObject({ code: "key_invalid", retryable: false });
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  for (const run of Buffer.from(content)
    .toString("latin1")
    .match(/[A-Za-z0-9+/_-]{20,}/g) ?? []) {
    if (!run.startsWith("---") && !file.includes(run)) expect(shown).not.toContain(run);
  }
  return error.message.replace(/^.* cannot be used: /, "").replaceAll(`'${file}'`, "FILE");
}

const base64 = (content: string | Uint8Array) => Buffer.from(content).toString("base64");
const block = (label: string, content: Uint8Array) =>
  `-----BEGIN ${label}-----\n${base64(content).replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;
const jks = Buffer.concat([Buffer.from("feedfeed0000000200000001", "hex"), Buffer.alloc(64, 7)]);

describe("a private key of OpenSSH without a passphrase", () => {
  it.each(openSshKeys)("of type %s is read", async (_type, text, expected) => {
    const variants = [text, text.replaceAll("\n", "\\n"), base64(text), JSON.stringify(text)];
    for (const content of variants) {
      const key = await loadKey({ privateKey: { env: "KEY" } }, { server: "a", env: { KEY: content } });
      expect(openSshPublicKey({ ...key.publicJwk })).toBe(expected.split(" ")[1]);
    }
  });

  it("that is cut or damaged is refused", async () => {
    for (const [, text] of openSshKeys) {
      const lines = text.split("\n");
      for (const content of [
        [...lines.slice(0, 3), ...lines.slice(-2)].join("\n"),
        [lines[0], ...lines.slice(2)].join("\n"),
        text.replace("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "b3BlbnNzaC1rZXktdjEAAAAAAAAAAAA"),
      ]) {
        expect(await keyProblem(content)).toMatch(
          /^it is in the format of OpenSSH, and encrypted or damaged\./,
        );
      }
    }
  });
});

/** Writes a public key as OpenSSH does (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4), in base64. */
function openSshPublicKey(jwk: Record<string, string>): string {
  const string = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const decoded = (name: string) => Buffer.from(jwk[name] ?? "", "base64url");
  const number = (name: string) => {
    const bytes = decoded(name);
    return string((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
  };
  const parts = () => {
    if (jwk["kty"] === "RSA") return [string("ssh-rsa"), number("e"), number("n")];
    if (jwk["kty"] === "OKP") return [string("ssh-ed25519"), string(decoded("x"))];
    const curve = `nistp${jwk["crv"]?.slice(2)}`;
    const point = Buffer.concat([Buffer.from([4]), decoded("x"), decoded("y")]);
    return [string(`ecdsa-sha2-${curve}`), string(curve), string(point)];
  };
  return Buffer.concat(parts()).toString("base64");
}

describe("in place of a private key", () => {
  const toPem = "`openssl pkcs12 -in FILE -nocerts -nodes -out key.pem`";

  it("PKCS #12 is named, with the command that converts it", async () => {
    expect(await keyProblem(pkcs12)).toBe(`it is PKCS #12 (PFX). Convert it with ${toPem}.`);
    // Some programs write BER, in which the outer sequence has no length.
    const ber = Buffer.concat([Buffer.from([0x30, 0x80]), pkcs12.subarray(4), Buffer.alloc(2)]);
    expect(await keyProblem(ber)).toBe(`it is PKCS #12 (PFX). Convert it with ${toPem}.`);
    expect(await keyProblem(pkcs12.subarray(0, 700))).toBe(`it is PKCS #12 (PFX). Convert it with ${toPem}.`);
  });

  it("PKCS #12 in base64 is named, with the command for the decoded file", async () => {
    const expected =
      "it is PKCS #12 (PFX) in base64. Decode it into key.pfx. Convert it with `openssl pkcs12 -in key.pfx -nocerts " +
      "-nodes -out key.pem`.";
    expect(await keyProblem(base64(pkcs12))).toBe(expected);
    expect(await keyProblemInVariable(base64(pkcs12))).toBe(expected);
    expect(await keyProblemInVariable(`"${base64(pkcs12)}"`)).toBe(expected);
  });

  it("a Java keystore is named, with the commands that convert it", async () => {
    for (const magic of ["feedfeed", "cececece"]) {
      const store = Buffer.concat([Buffer.from(magic, "hex"), jks.subarray(4)]);
      expect(await keyProblem(store)).toBe(
        "it is a Java keystore. Convert it with `keytool -importkeystore -srckeystore FILE -destkeystore key.pfx " +
          "-deststoretype PKCS12`, then with `openssl pkcs12 -in key.pfx -nocerts -nodes -out key.pem`.",
      );
    }
  });

  it("a key of PuTTY is named, with the command that converts it", async () => {
    const text =
      "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: a\r\nPublic-Lines: 2\r\nAAAA\r\n";
    expect(await keyProblem(text)).toBe(
      "it is in the format of PuTTY. Convert it with `puttygen FILE -O private-openssh -o key.pem`.",
    );
    expect(await keyProblemInVariable(text)).toBe(
      "it is in the format of PuTTY. Convert it with `puttygen key.ppk -O private-openssh -o key.pem`.",
    );
  });

  it("an encrypted key of OpenSSH is named, with the command for its type", async () => {
    expect(await keyProblem(encryptedOpenSshEc)).toBe(
      "it is in the format of OpenSSH, and encrypted or damaged. Convert a copy: `cp FILE key.pem && ssh-keygen -p -m " +
        "PKCS8 -f key.pem`.",
    );
    expect(await keyProblem(encryptedOpenSshEd25519)).toBe(
      "it is in the format of OpenSSH, and encrypted or damaged. Remove the passphrase of a copy: `cp FILE key.pem && " +
        'ssh-keygen -p -N "" -f key.pem`.',
    );
  });

  it.each([
    ["PKCS #7", pkcs7, "it is PKCS #7, which holds certificates. Name the private key that belongs to them."],
    [
      "PKCS #7 in PEM",
      block("PKCS7", pkcs7),
      "it is PKCS #7, which holds certificates. Name the private key that belongs to them.",
    ],
    [
      "a certificate request",
      certificateRequest,
      "it holds a certificate request. Name the private key that belongs to it.",
    ],
    [
      "a certificate request in PEM",
      block("CERTIFICATE REQUEST", certificateRequest),
      "it holds a certificate request. Name the private key that belongs to it.",
    ],
    [
      "a public key",
      ec.publicKey.export({ type: "spki", format: "der" }),
      "it holds a public key. Name the private key that belongs to it.",
    ],
    [
      "a public RSA key",
      rsa.publicKey.export({ type: "pkcs1", format: "der" }),
      "it holds a public key. Name the private key that belongs to it.",
    ],
    [
      "a public key of OpenSSH",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMb4C/puq5tU9WGDp9rGhz0RHs9uaqgQayr+yytt/iEr a",
      "it holds a public key. Name the private key that belongs to it.",
    ],
    [
      "a DSA key",
      dsa.privateKey.export({ type: "pkcs8", format: "der" }),
      "it is of type dsa. The supported types are RSA, EC and Ed25519.",
    ],
    [
      "a key of OpenPGP",
      block("PGP PRIVATE KEY BLOCK", Buffer.alloc(80, 5)),
      "it is a key of OpenPGP, which cannot sign JWTs here. Use RSA, EC or Ed25519.",
    ],
    [
      "a key in XML",
      "<RSAKeyValue><Modulus>AAAA</Modulus></RSAKeyValue>",
      "it is an RSA key in XML, as .NET writes it. Export it with `ExportPkcs8PrivateKeyPem()` instead.",
    ],
    [
      "bytes that mean nothing",
      Buffer.from([1, 2, 0xff, 0, 0x80, 7]),
      "it is not a key in PEM, DER or JWK. Check that it is the whole key.",
    ],
  ])("%s is named", async (_, content, expected) => {
    expect(await keyProblem(content)).toBe(expected);
  });

  it("a certificate in DER is named", async () => {
    const { certificate } = await selfSigned();
    const der = Buffer.from(certificate.replaceAll(/-----.*-----/g, ""), "base64");
    expect(await keyProblem(der)).toBe("it holds a certificate. Name the private key that belongs to it.");
  });

  it.each(["/run/secrets/agent.pem", "./agent.key", "~/keys/agent", "C:\\keys\\agent.pem", "agent.p8"])(
    "the path of a file is recognized: %s",
    async (path) => {
      expect(await keyProblemInVariable(path)).toBe(
        'it looks like the path of a file. Write the reference { "file": "path" } for it.',
      );
    },
  );

  it("two keys are refused, in every shape", async () => {
    const two = `${privateKey}${rsa.privateKey.export({ type: "pkcs1", format: "pem" })}`;
    for (const text of [two, two.replaceAll("\n", "\\n"), two.replaceAll("\n", " "), base64(two)]) {
      expect(await keyProblemInVariable(text)).toBe(
        "it holds several private keys. Put the one to sign with into a separate file.",
      );
    }
  });
});

describe("in place of a certificate", () => {
  it.each([
    [
      "PKCS #12",
      pkcs12,
      "it is PKCS #12 (PFX). Convert it with `openssl pkcs12 -in FILE -clcerts -nokeys -out cert.pem`.",
    ],
    [
      "PKCS #7",
      pkcs7,
      "it is PKCS #7. Convert it with `openssl pkcs7 -inform DER -in FILE -print_certs -out cert.pem`.",
    ],
    [
      "PKCS #7 in PEM",
      block("PKCS7", pkcs7),
      "it is PKCS #7. Convert it with `openssl pkcs7 -in FILE -print_certs -out cert.pem`.",
    ],
    [
      "a private key",
      ec.privateKey.export({ type: "sec1", format: "der" }),
      "it holds a private key and no certificate. Name the certificate that belongs to the key.",
    ],
    [
      "a public key",
      ec.publicKey.export({ type: "spki", format: "der" }),
      "it holds a public key. Name the certificate that was made for it.",
    ],
    [
      "a certificate request",
      certificateRequest,
      "it holds a certificate request. Name the certificate that the authority issued for it.",
    ],
    [
      "a Java keystore",
      jks,
      "it is a Java keystore. Convert it with `keytool -importkeystore -srckeystore FILE -destkeystore key.pfx -deststoretype PKCS12`, then with `openssl pkcs12 -in key.pfx -clcerts -nokeys -out cert.pem`.",
    ],
    [
      "JSON with one",
      JSON.stringify({ cert: "-----BEGIN CERTIFICATE-----" }),
      'it is JSON with the certificate inside. Add "pointer": "/cert" to its reference.',
    ],
  ])("%s is named", async (_, content, expected) => {
    expect(await certificateProblem(content)).toBe(expected);
  });
});
