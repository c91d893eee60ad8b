// `npm run test:signers`: gets tokens from a real authorization server with external signers: with key files by
// `openssl`, and with a software security module by `pkcs11-tool`. It uses the scripts of `examples/signers` and the
// built package. The last line is `N passed, N failed`.
import assert from "node:assert/strict";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { calculateJwkThumbprint } from "jose";
import { createMcpAuth, McpAuthError } from "../../dist/index.js";
import { startAuthorizationServer } from "./authorization-server.mjs";
import { createCertifier, createKeyFiles, createTokenKeys } from "./keys.mjs";
import { findTools, tool } from "./tools.mjs";

const { module, problem } = findTools();
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}

const examples = fileURLToPath(new URL("../../examples/signers/", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "signers-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const pin = `pin-${randomBytes(6).toString("hex")}`;
let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${inspect(error)}`);
  }
}

const environment = { ...process.env };
const files = await createKeyFiles(folder, environment);
const token = await createTokenKeys(folder, module, pin);
const certify = await createCertifier(folder, environment);
const openssl = (kind) => ({ exec: [join(examples, "openssl.sh"), files[kind].path], format: "der" });
const pkcs11 = (id) => ({ exec: [join(examples, "pkcs11.sh"), module, token.tokenLabel, id] });

const kindOf = { RS: "rsa", PS: "rsa", ES256: "ec", ES384: "p384", ES512: "p521", Ed: "ed25519" };
const cases = [
  ...["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"].map((alg) => {
    const kind = kindOf[alg] ?? kindOf[alg.slice(0, 2)];
    return { by: "openssl", alg, publicKey: files[kind].publicKey, signer: openssl(kind), env: environment };
  }),
  ...["RS256", "RS512", "PS256", "PS384", "ES256", "EdDSA"].map((alg) => {
    const { id, publicKey } = token.keys[kindOf[alg] ?? kindOf[alg.slice(0, 2)]];
    return { by: "pkcs11-tool", alg, publicKey, signer: pkcs11(id), env: token.environment };
  }),
].map((each) => ({ ...each, id: `${each.by}-${each.alg}` }));

const clients = await Promise.all(
  cases.map(async ({ id, alg, publicKey }) => {
    const jwk = publicKey.export({ format: "jwk" });
    return { id, alg, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), use: "sig" } };
  }),
);
const server = await startAuthorizationServer(clients);

async function authFor({ id, alg, signer, env }, more) {
  return await createMcpAuth({
    cwd: folder,
    env,
    config: {
      defaults: { retry: { attempts: 1 }, refresh: false },
      servers: {
        billing: {
          url: `${server.issuer}/mcp`,
          grant: { client: { issuer: server.issuer, id, key: { signer, alg, ...more } } },
        },
      },
    },
  });
}

async function tokenFor(each, more) {
  const auth = await authFor(each, more);
  try {
    return await auth.resolve("billing").getAccessToken();
  } finally {
    await auth.stop();
  }
}

/** Returns the error of a key that cannot sign, and checks that it shows neither the PIN nor output of the tool. */
async function failureOf(each, more) {
  const error = await tokenFor(each, more).then(
    () => assert.fail("a token was issued"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof McpAuthError, inspect(error));
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  for (const secret of [pin, "wrong-pin", "CKR_", "Aborting", server.signatureOf(each.id)]) {
    assert.ok(
      secret === undefined || !shown.includes(secret),
      "the error shows a secret or output of the tool",
    );
  }
  return error;
}

for (const [index, each] of cases.entries()) {
  const { id, alg, by } = each;
  const { kid } = clients[index].jwk;

  await check(`${by} signs with ${alg}`, async () => {
    assert.match(await tokenFor(each, { kid }), /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.deepEqual(server.headerOf(id), { alg, kid, typ: "client-authentication+jwt" });
  });

  await check(`${by} signs with ${alg} without a kid`, async () => {
    await tokenFor(each, { kid: false });
    assert.deepEqual(server.headerOf(id), { alg, typ: "client-authentication+jwt" });
  });

  await check(`${by} signs with ${alg} and the key's certificate`, async () => {
    const file = await certify(id, each.publicKey);
    await tokenFor(each, { certificate: { file } });
    const { raw } = new X509Certificate(await readFile(file));
    assert.deepEqual(server.headerOf(id), {
      ...{ alg, kid, typ: "client-authentication+jwt" },
      "x5t#S256": createHash("sha256").update(raw).digest("base64url"),
    });
  });
}

const [es256, inToken] = ["openssl-ES256", "pkcs11-tool-ES256"].map((id) =>
  cases.find((each) => each.id === id),
);

await check("a wrong PIN is signer_unavailable", async () => {
  const env = { ...token.environment, PKCS11_PIN: "wrong-pin" };
  const error = await failureOf({ ...inToken, env });
  assert.equal(error.code, "signer_unavailable");
  assert.match(error.message, /it ended with exit code 1\.$/);
});

await check("no PIN at all is signer_unavailable", async () => {
  const { PKCS11_PIN: _, ...env } = token.environment;
  assert.equal((await failureOf({ ...inToken, env })).code, "signer_unavailable");
});

await check("a key that is not in the token is signer_unavailable", async () => {
  const error = await failureOf({ ...inToken, signer: pkcs11("7f") });
  assert.equal(error.code, "signer_unavailable");
});

await check("a missing key file is signer_unavailable", async () => {
  const exec = [join(examples, "openssl.sh"), join(folder, "missing.pem")];
  const error = await failureOf({ ...es256, signer: { exec, format: "der" } });
  assert.equal(error.code, "signer_unavailable");
  assert.ok(!error.message.includes("missing.pem"));
});

await check(
  "a DER signature with the format raw is signer_unavailable, and the message names the format",
  async () => {
    const error = await failureOf({ ...es256, signer: { exec: openssl("ec").exec } });
    assert.equal(error.code, "signer_unavailable");
    assert.match(error.message, /"format" to "der"/);
  },
);

await check(
  "a signature of another key than the certificate's is signer_unavailable, and nothing is sent",
  async () => {
    const before = server.signatureOf(inToken.id);
    const certificate = { file: await certify("another", files.ec.publicKey) };
    const error = await failureOf(inToken, { certificate });
    assert.equal(error.code, "signer_unavailable");
    assert.match(error.message, /does not match the key in the "certificate"/);
    assert.equal(server.signatureOf(inToken.id), before);
  },
);

await check(
  "without a certificate, the authorization server refuses the signature of another key",
  async () => {
    const error = await failureOf({ ...inToken, signer: openssl("ec"), env: environment }, { kid: false });
    assert.equal(error.code, "token_request_rejected");
  },
);

await check("a passphrase in the environment opens an encrypted key", async () => {
  const path = join(folder, "encrypted.pem");
  const env = { ...environment, KEY_PASSPHRASE: "of the test" };
  await tool(
    env,
    "openssl",
    "pkcs8",
    "-topk8",
    "-in",
    files.ec.path,
    "-out",
    path,
    "-passout",
    "env:KEY_PASSPHRASE",
  );
  const signer = { exec: [join(examples, "openssl.sh"), path], format: "der" };
  await tokenFor({ ...es256, signer, env });
  const error = await failureOf({ ...es256, signer, env: environment });
  assert.equal(error.code, "signer_unavailable");
});

server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
