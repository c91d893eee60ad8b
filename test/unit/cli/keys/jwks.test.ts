import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { generatedAlgorithms, generateKey } from "../../../../src/keys/generate-key.js";
import { createAuthority } from "../../../support/certificates.js";
import { command, project } from "../command.js";
import { privateMembers } from "./private-members.js";

const issuer = "https://auth.example";
const url = "https://crm.example/mcp";

interface Format {
  readonly name: string;
  readonly write: (key: KeyObject) => string | Buffer;
  readonly reference?: object;
}

const jwkOf = (key: KeyObject, more: object = {}) => ({ ...key.export({ format: "jwk" }), ...more });
const pem = (key: KeyObject) => String(key.export({ type: "pkcs8", format: "pem" }));
const passphrase = "correct horse";

const formats: readonly Format[] = [
  { name: "PKCS#8 PEM", write: pem },
  {
    name: "the PEM of its type",
    write(key) {
      const type =
        key.asymmetricKeyType === "rsa" ? "pkcs1" : key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8";
      return String(key.export({ type, format: "pem" } as never));
    },
  },
  { name: "DER", write: (key) => key.export({ type: "pkcs8", format: "der" }) },
  {
    name: "encrypted PEM",
    write: (key) => String(key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase })),
    reference: { passphrase: { env: "PASSPHRASE" } },
  },
  { name: "a JWK", write: (key) => JSON.stringify(jwkOf(key, { kid: "its own" })) },
  {
    name: "a JWK Set with several private keys",
    write: (key) =>
      JSON.stringify({
        keys: [jwkOf(key, { kid: "one" }), jwkOf(other, { kid: "two" }), jwkOf(key, { use: "enc" })],
      }),
    reference: { kid: "one" },
  },
  {
    name: "a key file of a Google service account",
    write: (key) => JSON.stringify({ type: "service_account", private_key: pem(key), private_key_id: "g-1" }),
  },
];

const made = new Map<string, Promise<KeyObject>>();

/** Returns the same key each time, because the tests need an RSA key for each of many formats. */
function keyFor(alg: string): Promise<KeyObject> {
  const kind = /^[RP]S/.test(alg) ? "RS256" : alg;
  const key = made.get(kind) ?? generateKey(kind, 2048);
  made.set(kind, key);
  return key;
}

const other = generateKeyPairSync("ed25519").privateKey;

/** A project whose client `acme` signs with the key `agent`. */
async function projectWith(
  key: string | Buffer,
  reference: object = {},
  client: object = {},
): Promise<string> {
  const folder = await project({
    "mcp-auth.config.json": JSON.stringify({
      keys: { agent: { privateKey: { file: "agent.key" }, ...reference } },
      clients: { acme: { issuer, id: "billing-agent", key: "agent", ...client } },
      servers: { crm: { url, grant: { client: "acme" } } },
    }),
  });
  await writeFile(join(folder, "agent.key"), key, { mode: 0o600 });
  return folder;
}

describe("keys jwks", () => {
  const all = generatedAlgorithms.flatMap((alg) => formats.map((format) => ({ alg, format })));

  test.each(all.map(({ alg, format }) => [alg, format.name, format] as const))(
    "prints only the public members of a key for %s in %s",
    async (alg, _name, { write, reference }) => {
      const key = await keyFor(alg);
      const cwd = await projectWith(write(key), { ...reference, alg });
      const { code, out, err } = await command(["keys", "jwks"], { cwd, env: { PASSPHRASE: passphrase } });
      expect(err).toContain("agent.key is new");
      expect(code).toBe(0);
      const { keys, ...rest } = JSON.parse(out);
      expect(rest).toEqual({});
      const { kid, ...jwk } = keys[0];
      expect(keys).toHaveLength(1);
      expect(kid).toEqual(expect.any(String));
      expect(jwk).toEqual({ ...createPublicKey(key).export({ format: "jwk" }), alg, use: "sig" });
      for (const secret of privateMembers([key, other])) expect(out + err).not.toContain(secret);
    },
  );

  test("prints the kid that the runtime sends: none, the one of the config, or the thumbprint", async () => {
    const key = await generateKey("ES256");
    const kidOf = async (reference: object) => {
      const { out } = await command(["keys", "jwks"], { cwd: await projectWith(pem(key), reference) });
      return JSON.parse(out).keys[0].kid;
    };
    expect(await kidOf({ kid: false })).toBeUndefined();
    expect(await kidOf({ kid: "agent-2026" })).toBe("agent-2026");
    expect(await kidOf({})).toBe(await calculateJwkThumbprint(createPublicKey(key)));
  });

  test("names no algorithm for an RSA key that may sign with several", async () => {
    const key = await generateKey("RS256", 2048);
    const { out } = await command(["keys", "jwks"], { cwd: await projectWith(pem(key)) });
    expect(JSON.parse(out).keys[0]).not.toHaveProperty("alg");
  });

  test("takes the name of a key, a client or a server, and prints each key once", async () => {
    const cwd = await projectWith(pem(await generateKey("ES256")));
    const [all, ...named] = await Promise.all(
      [[], ["agent"], ["acme"], ["crm"], ["crm", "acme", "agent"]].map((names) =>
        command(["keys", "jwks", ...names], { cwd }),
      ),
    );
    expect(all?.code).toBe(0);
    for (const { out } of named) expect(out).toBe(all?.out);
  });

  test("prints keys written inline and keys of assertions, and keys for DPoP only by name", async () => {
    const keys = await Promise.all(["ES256", "ES384", "EdDSA"].map((alg) => generateKey(alg)));
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({
        keys: { proof: { privateKey: { file: "2.pem" } } },
        servers: {
          inline: {
            url,
            grant: { client: { issuer, id: "a", key: { privateKey: { file: "0.pem" } } } },
            dpop: { key: "proof" },
          },
          assertion: {
            url: "https://erp.example/mcp",
            grant: {
              type: "jwt_bearer",
              client: { issuer },
              assertion: { key: { privateKey: { file: "1.pem" } }, issuer: "a", subject: "a" },
            },
          },
        },
      }),
      ...Object.fromEntries(keys.map((key, at) => [`${at}.pem`, pem(key)])),
    });
    const kids = async (...names: string[]) => {
      const { out } = await command(["keys", "jwks", ...names], { cwd });
      return JSON.parse(out).keys.map(({ kid }: { kid: string }) => kid);
    };
    const [inline, assertion, proof] = await Promise.all(
      keys.map((key) => calculateJwkThumbprint(createPublicKey(key))),
    );
    expect(await kids()).toEqual([inline, assertion]);
    expect(await kids("inline")).toEqual([inline]);
    expect(await kids("proof")).toEqual([proof]);
  });

  test("prints nothing if one of the keys cannot be printed", async () => {
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({
        keys: {
          agent: { privateKey: { file: "agent.pem" } },
          hsm: { signer: { exec: ["sign"] }, alg: "ES256", kid: "hsm-1" },
        },
        servers: { crm: { url, grant: { client: { issuer, id: "a", key: "hsm" } } } },
      }),
      "agent.pem": pem(await generateKey("ES256")),
    });
    const result = await command(["keys", "jwks"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain(
      'Key "hsm" is a signer whose public key is not known. Add its "certificate"',
    );
    expect((await command(["keys", "jwks", "agent"], { cwd })).code).toBe(0);
  });

  test("prints the key of a signer from its certificate, and does not run the signer", async () => {
    const { certificate, privateKey } = await (await createAuthority()).issue();
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({
        keys: {
          hsm: { signer: { exec: ["no-such-command"] }, alg: "ES256", certificate: { file: "hsm.crt" } },
        },
        servers: { crm: { url, grant: { client: { issuer, id: "a", key: "hsm" } } } },
      }),
      "hsm.crt": certificate,
    });
    const { code, out } = await command(["keys", "jwks", "crm"], { cwd });
    expect(code).toBe(0);
    const publicKey = createPublicKey(privateKey).export({ format: "jwk" });
    expect(JSON.parse(out).keys).toMatchObject([{ ...publicKey, alg: "ES256", use: "sig" }]);
    expect(JSON.parse(out).keys[0]).not.toHaveProperty("x5c");
  });

  test("runs the command of an exec reference, unless commands are forbidden", async () => {
    const exec = [process.execPath, "-p", 'fs.readFileSync("agent.key", "utf8")'];
    const cwd = await projectWith(pem(await keyFor("ES256")), { privateKey: { exec } });
    expect((await command(["keys", "jwks", "agent"], { cwd })).code).toBe(0);
    const forbidden = await command(["keys", "jwks", "agent"], { cwd, env: { MCP_AUTH_ALLOW_EXEC: "0" } });
    expect(forbidden).toMatchObject({ code: 2, out: "" });
    expect(forbidden.err).toContain('error[secret_unavailable]: Key "agent": ');
  });

  test("refuses a symmetric key, and says so without showing it", async () => {
    const cwd = await projectWith(JSON.stringify({ kty: "oct", k: "c2VjcmV0" }));
    const result = await command(["keys", "jwks"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain('error[key_invalid]: Key "agent": the private key in the file');
    expect(result.err).toContain('it is a symmetric key ("oct")');
    expect(result.err).not.toContain("c2VjcmV0");
  });

  test("names a server whose client has no key, and the nearest name for one that is unknown", async () => {
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({
        servers: { crm: { url, grant: { client: { issuer, id: "a", secret: { env: "S" } } } } },
      }),
    });
    const err = async (...names: string[]) => (await command(["keys", "jwks", ...names], { cwd })).err;
    expect(await err("crm")).toContain(
      'Server "crm" signs with no key, so there is no public key to register',
    );
    expect(await err("crn")).toContain('The config has no key, client or server "crn". Did you mean "crm"?');
    expect(await err()).toContain("The config has no key that signs for an authorization server");
  });
});

describe("keys jwks --next", () => {
  test("prints the current key and the next one, and says when to use it and how long to keep the old one", async () => {
    const [current, next] = [await generateKey("ES256"), await generateKey("ES256")];
    const cwd = await projectWith(pem(current), {}, { assertionLifetime: "5m" });
    await writeFile(join(cwd, "agent-next.pem"), pem(next));
    const before = Date.now();
    const { code, out, err } = await command(["keys", "jwks", "agent", "--next", "agent-next.pem"], { cwd });
    expect(code).toBe(0);
    const kids = JSON.parse(out).keys.map(({ kid }: { kid: string }) => kid);
    expect(kids).toEqual(
      await Promise.all([current, next].map((key) => calculateJwkThumbprint(createPublicKey(key)))),
    );
    for (const secret of privateMembers([current, next])) expect(out + err).not.toContain(secret);
    const [, day = "", time = ""] =
      /^2\. Not before (\S+) (\S+) UTC, if you publish it now: mv agent-next\.pem agent\.key$/m.exec(err) ??
      [];
    const from = Date.parse(`${day}T${time}:00Z`);
    expect(from).toBeGreaterThanOrEqual(before + 24 * 3_600_000);
    expect(from).toBeLessThan(Date.now() + 24 * 3_600_000 + 60_000);
    expect(err).toContain(`3. Keep both published until all instances have used the kid ${kids[1]}`);
    expect(err).toContain("for 15 minutes:");
    expect(err).toContain("4. Only then publish the next key alone: npx mcp-auth-runtime keys jwks agent\n");
  });

  test("warns if the next key is of another type, because a registration may name the algorithm", async () => {
    const cwd = await projectWith(pem(await keyFor("ES256")));
    const warning = "warning: The next key is of another type.";
    const errOf = async (next: KeyObject) => {
      await writeFile(join(cwd, "next.pem"), pem(next));
      return (await command(["keys", "jwks", "agent", "--next", "next.pem"], { cwd })).err;
    };
    expect(await errOf(await generateKey("ES256"))).not.toContain(warning);
    expect(await errOf(await generateKey("ES384"))).toContain(warning);
    expect(await errOf(await generateKey("EdDSA"))).toContain(warning);
  });

  test("reads the next key with the passphrase and the algorithm of the current one", async () => {
    const next = await generateKey("RS256", 2048);
    const encrypted = String(
      next.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }),
    );
    const current = createPrivateKey({ key: encrypted, passphrase });
    const cwd = await projectWith(
      String(
        (await generateKey("PS256", 2048)).export({
          type: "pkcs8",
          format: "pem",
          cipher: "aes-256-cbc",
          passphrase,
        }),
      ),
      { passphrase: { env: "PASSPHRASE" }, alg: "PS384" },
    );
    await writeFile(join(cwd, "next.pem"), encrypted);
    const { out } = await command(["keys", "jwks", "agent", "--next", "next.pem"], {
      cwd,
      env: { PASSPHRASE: passphrase },
    });
    const { keys } = JSON.parse(out);
    expect(keys.map(({ alg }: { alg: string }) => alg)).toEqual(["PS384", "PS384"]);
    expect(keys[1].n).toBe(current.export({ format: "jwk" }).n);
  });

  test.each([
    ["without the one key that it follows", ["--next", "next.pem"], {}, "--next is the successor of one key"],
    [
      "for a key with a fixed kid",
      ["agent", "--next", "next.pem"],
      { kid: "agent-2026" },
      'Key "agent" has the "kid" "agent-2026"',
    ],
    ["with the current key", ["agent", "--next", "agent.key"], {}, "The key of --next is the current one"],
    [
      "with a key that cannot sign with the alg of the config",
      ["agent", "--next", "next.pem"],
      { alg: "ES256" },
      "The next key: the private key in the file",
    ],
    [
      "with a file that is not there",
      ["agent", "--next", "gone.pem"],
      {},
      "error[secret_unavailable]: The next key:",
    ],
  ] as const)("is refused %s", async (_case, argv, reference, message) => {
    const cwd = await projectWith(pem(await generateKey("ES256")), reference);
    await writeFile(join(cwd, "next.pem"), pem(await generateKey("ES384")));
    const config = JSON.parse(
      await import("node:fs").then((fs) => fs.readFileSync(join(cwd, "mcp-auth.config.json"), "utf8")),
    );
    config.keys.second = { privateKey: { file: "next.pem" } };
    await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify(config));
    const result = await command(["keys", "jwks", ...argv], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain(message);
  });
});
