import { createPublicKey } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tool } from "./tools.mjs";

const tokenLabel = "agents";

/** Creates private keys in files. Returns their paths and public keys by type. */
export async function createKeyFiles(folder, environment) {
  const kinds = {
    rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ec: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    p384: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    p521: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    ed25519: ["-algorithm", "ED25519"],
  };
  const keys = {};
  for (const [kind, args] of Object.entries(kinds)) {
    const path = join(folder, `${kind}.pem`);
    await tool(environment, "openssl", "genpkey", ...args, "-out", path);
    keys[kind] = { path, publicKey: createPublicKey(await readFile(path, "utf8")) };
  }
  return keys;
}

/** Creates a SoftHSM token in its own folder, with keys that are generated in it and cannot be exported. */
export async function createTokenKeys(folder, module, pin) {
  const tokens = join(folder, "tokens");
  const config = join(folder, "softhsm2.conf");
  await mkdir(tokens);
  await writeFile(
    config,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const environment = { ...process.env, SOFTHSM2_CONF: config, PKCS11_PIN: pin };
  await tool(
    environment,
    "softhsm2-util",
    ...["--init-token", "--free", "--label", tokenLabel, "--pin", pin, "--so-pin", "so-of-the-test"],
  );
  const pkcs11 = (...args) =>
    tool(
      environment,
      "pkcs11-tool",
      ...["--module", module, "--token-label", tokenLabel, "--login", "--pin", "env:PKCS11_PIN", ...args],
    );
  const kinds = { rsa: ["01", "rsa:2048"], ec: ["02", "EC:prime256v1"], ed25519: ["03", "EC:edwards25519"] };
  const keys = {};
  for (const [kind, [id, type]] of Object.entries(kinds)) {
    await pkcs11("--keypairgen", "--key-type", type, "--id", id, "--label", kind);
    keys[kind] = { id, publicKey: await publicKeyOf(pkcs11, folder, id, kind) };
  }
  return { environment, tokenLabel, keys };
}

async function publicKeyOf(pkcs11, folder, id, kind) {
  if (kind !== "ed25519") {
    const path = join(folder, `${kind}.der`);
    await pkcs11("--read-object", "--type", "pubkey", "--id", id, "--output-file", path);
    return createPublicKey({ key: await readFile(path), format: "der", type: "spki" });
  }
  // For Ed25519, `--read-object` writes a format that other tools cannot read, so the key is built from its point.
  const listed = await pkcs11("--list-objects", "--type", "pubkey", "--id", id);
  const point = /EC_POINT: +0420([0-9a-f]{64})/.exec(listed)?.[1] ?? "";
  const x = Buffer.from(point, "hex").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** Creates a certificate authority. Returns a function that issues a certificate for a public key alone. */
export async function createCertifier(folder, environment) {
  const authority = join(folder, "authority.pem");
  const key = join(folder, "authority.key");
  await tool(
    environment,
    "openssl",
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
    ...["-subj", "/CN=Authority of the signers", "-keyout", key, "-out", authority],
  );
  return async (name, publicKey) => {
    const subject = join(folder, `${name}.pub.pem`);
    const certificate = join(folder, `${name}.crt.pem`);
    await writeFile(subject, publicKey.export({ type: "spki", format: "pem" }));
    await tool(
      environment,
      "openssl",
      ...["x509", "-new", "-force_pubkey", subject, "-subj", `/CN=${name}`, "-days", "1"],
      ...["-CA", authority, "-CAkey", key, "-out", certificate],
    );
    return certificate;
  };
}
