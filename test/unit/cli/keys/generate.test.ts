import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { keysGenerate } from "../../../../src/cli/keys/generate.js";
import { generatedAlgorithms } from "../../../../src/keys/generate-key.js";
import { loadKey } from "../../../../src/keys/load-key.js";
import { command, project } from "../command.js";
import { privateMembers } from "./private-members.js";

const onWindows = process.platform === "win32";

describe("keys generate", () => {
  test.each(generatedAlgorithms)("writes a key for %s that the runtime loads and signs with", async (alg) => {
    const folder = await project();
    const bits = /^[RP]S/.test(alg) ? ["--bits", "2048"] : [];
    const { code, out, err } = await command(["keys", "generate", "agent.pem", "--alg", alg, ...bits], {
      cwd: folder,
    });
    expect(code).toBe(0);
    const jwk = JSON.parse(out);
    const { kid, alg: named, use, ...members } = jwk;
    expect({ named, use }).toEqual({ named: alg, use: "sig" });
    expect(kid).toBe(await calculateJwkThumbprint(members));
    const file = join(folder, "agent.pem");
    const key = await loadKey({ privateKey: { file }, alg }, { server: "crm", env: {} });
    expect(key.kid).toBe(kid);
    expect(key.publicJwk).toEqual(members);
    expect(await key.sign({ alg }, { iss: "agent" })).toMatch(/^ey/);
    const pem = await readFile(file, "utf8");
    expect(privateMembers([pem])).not.toHaveLength(0);
    for (const secret of privateMembers([pem])) expect(out + err).not.toContain(secret);
  });

  test("says which lines of the config use the key, with a path relative to the config", async () => {
    const folder = await project({ "mcp-auth.config.json": '{ "servers": {} }' });
    await mkdir(join(folder, "agents"));
    const cwd = join(folder, "agents");
    const { code, err } = await command(["keys", "generate", "keys/billing.pem", "--alg", "PS256"], { cwd });
    expect(code).toBe(0);
    expect(err).toContain(
      '"keys": { "billing": { "privateKey": { "file": "./agents/keys/billing.pem" }, "alg": "PS256" } }',
    );
    expect(err).toContain('"key": "billing"');
    expect(err).toContain("npx mcp-auth-runtime keys jwks billing");
    expect(err).toContain("keys jwks KEY --next keys/billing.pem");
    const pem = await readFile(join(cwd, "keys/billing.pem"), "utf8");
    expect(createPrivateKey(pem).asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  test.each([
    ["keys", { agent: { privateKey: { file: "./secrets/bot.pem" } } }, "agent"],
    [
      "servers",
      {
        crm: {
          url: "https://crm.example",
          grant: { client: { key: { privateKey: { file: "secrets/bot.pem" } } } },
        },
      },
      "crm",
    ],
  ])("does not say what to add to a config whose %s refer to the file", async (section, content, user) => {
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({ servers: {}, [section]: content }),
    });
    const { code, err } = await command(["keys", "generate", "secrets/bot.pem"], { cwd });
    expect(code).toBe(0);
    expect(err).not.toContain("Add it to the config");
    expect(err).toContain("The config uses this file. Register the public key");
    expect(err).toContain(`npx mcp-auth-runtime keys jwks ${user} prints`);
  });

  test.skipIf(onWindows)("gives the file mode 0600 and a new folder mode 0700", async () => {
    const cwd = await project();
    expect((await command(["keys", "generate"], { cwd })).code).toBe(0);
    const [file, folder] = await Promise.all([
      stat(join(cwd, "secrets/agent.pem")),
      stat(join(cwd, "secrets")),
    ]);
    expect([file.mode & 0o777, folder.mode & 0o777]).toEqual([0o600, 0o700]);
  });

  test("never writes over a file, nor where a link leads", async () => {
    const cwd = await project({ "agent.pem": "a key in use" });
    const taken = await command(["keys", "generate", "agent.pem"], { cwd });
    expect(taken).toMatchObject({ code: 2, out: "" });
    expect(taken.err).toBe(
      "error: agent.pem cannot be written: there is a file already, and it may hold a key in use. Name another file, or move that one away.\n",
    );
    expect(await readFile(join(cwd, "agent.pem"), "utf8")).toBe("a key in use");
    if (onWindows) return;
    await symlink(join(cwd, "elsewhere.pem"), join(cwd, "link.pem"));
    expect((await command(["keys", "generate", "link.pem"], { cwd })).code).toBe(2);
    await expect(stat(join(cwd, "elsewhere.pem"))).rejects.toThrow("ENOENT");
  });

  test("encrypts the file with the passphrase in a variable, and shows it nowhere", async () => {
    const cwd = await project({ ".env": "KEY_PASSPHRASE=correct horse battery staple\n" });
    const argv = ["keys", "generate", "agent.pem", "--passphrase-env", "KEY_PASSPHRASE"];
    const { code, out, err } = await command([...argv, "--env-file", ".env"], { cwd });
    expect(code).toBe(0);
    expect(out + err).not.toContain("correct horse");
    expect(err).toContain('"passphrase": { "env": "KEY_PASSPHRASE" }');
    const file = join(cwd, "agent.pem");
    expect(await readFile(file, "utf8")).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    const spec = { privateKey: { file }, passphrase: { env: "KEY_PASSPHRASE" } };
    const load = (passphrase: string) =>
      loadKey({ ...spec }, { server: "crm", env: { KEY_PASSPHRASE: passphrase } });
    expect((await load("correct horse battery staple")).kid).toBe(JSON.parse(out).kid);
    await expect(load("wrong")).rejects.toMatchObject({ code: "key_invalid" });
  });

  test("writes nothing if the variable of the passphrase is not set", async () => {
    const cwd = await project();
    const result = await command(["keys", "generate", "agent.pem", "--passphrase-env", "NOT_SET"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("NOT_SET is not set");
    await expect(stat(join(cwd, "agent.pem"))).rejects.toThrow("ENOENT");
  });

  test("refuses the length of an RSA key for a key that has none", async () => {
    const result = await command(["keys", "generate", "agent.pem", "--bits", "4096"], {
      cwd: await project(),
    });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("--bits is the length of an RSA key, and ES256 has none");
  });

  test("says why a file cannot be written", async () => {
    const cwd = await project({ file: "" });
    const { code, err } = await command(["keys", "generate", "file/agent.pem"], { cwd });
    expect(code).toBe(2);
    expect(err).toBe(
      "error: file/agent.pem cannot be written: a part of its path is a file. Correct the path.\n",
    );
  });

  test("warns if git would add the file, and not if it is ignored", async () => {
    const cwd = await project();
    execFileSync("git", ["init", "--quiet"], { cwd });
    const tracked = await command(["keys", "generate", "secrets/a.pem"], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(tracked.err).toContain("warning: Git would add secrets/a.pem. List it in .gitignore");
    await writeFile(join(cwd, ".gitignore"), "secrets/\n");
    const ignored = await command(["keys", "generate", "secrets/b.pem"], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(ignored).toMatchObject({ code: 0 });
    expect(ignored.err).not.toContain("warning");
  });

  test("names the default file in its help", () => {
    expect(keysGenerate.description).toContain("secrets/agent.pem");
  });
});
