// Searches for canaries as canaries.test.ts does, in the output of separate processes: the commands, an agent with all
// debug output on, and the errors for configs that contain secrets.

import { spawn } from "node:child_process";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../src/index.js";
import { ownFailures } from "../integration/canaries-credentials.js";
import { Evidence, Watch } from "../integration/canaries-evidence.js";
import { servedFailures } from "../integration/canaries-failures.js";
import { plantIdentities } from "../integration/canaries-identities.js";
import { type Stage, startStage } from "../integration/canaries-stage.js";
import { Canaries } from "../support/canaries.js";
import { createAuthority } from "../support/certificates.js";
import { serverTls } from "../support/mutual-tls.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { inheritedRecording } from "../support/tls-recorder/records.js";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const cli = pathOf("../../dist/cli.js");

test("an agent with all debug output on prints no secret", async () => {
  const canaries = new Canaries();
  const authority = await createAuthority();
  await using plain = await startStage(canaries);
  await using tls = await startStage(canaries, await serverTls({ authority, askClients: true }));
  const cwd = await temporaryFolder();
  const { config, options } = await plantIdentities(canaries, { plain, tls }, authority, cwd);
  // A third of the failures, of each kind.
  const failures = servedFailures(canaries, plain).filter((_, index) => index % 3 === 0);
  const failing = failures.map(({ script = {}, server }, index) => {
    const name = `failing-${index}`;
    plain.script(name, script);
    return [name, { ...serverOf(plain, name, { secret: { env: "SECRET" } }), ...server }] as const;
  });
  const good = Object.entries(config.servers).filter(([name, server]) => {
    // Without servers that need functions in code, and only some of the others.
    return (
      /-bare$|-(?:pem|tls)-/.test(name) &&
      !/"(?:resolver|runtime|signer|githubActions)"/.test(JSON.stringify(server))
    );
  });
  const defaults = { retry: { attempts: 2, min: "1ms", max: "2ms" } };
  const servers = Object.fromEntries([...good, ...failing]);
  write(cwd, "mcp-auth.config.json", JSON.stringify({ ...config, defaults, servers }));
  const { out, err } = await run([pathOf("canaries-client.mjs")], cwd, {
    ...options.env,
    DEBUG: "*",
    NODE_DEBUG: debugged,
  });
  expect(out).toMatch(new RegExp(`^\\d+ of ${good.length + failing.length} answered\n$`));
  expect(Number.parseInt(out, 10)).toBeGreaterThan(good.length - 1);
  // Proves that the debug output was on.
  expect(err).toMatch(/^FETCH \d+: /m);
  expect(err).toMatch(/^NET \d+: /m);
  expect(err).toMatch(/^MCP-AUTH \d+: .*: POST token endpoint /m);
  const evidence = new Evidence();
  evidence.add("stderr", err);
  expect(evidence.leaks(canaries)).toEqual([]);
});

/**
 * All of Node's debug sections except two: `child_process` prints the environment of each child process, and `stream`
 * the first fifty bytes of data on any pipe or socket. No other section prints a header or a body on Node 20 to 26.
 * NODE_DEBUG has no exclusion, so this pattern names all other sections.
 */
const debugged = [..."abcdefghijklmnopqrstuvwxyz"]
  .flatMap((first, _, letters) => letters.map((second) => first + second))
  .filter((start) => start !== "ch" && start !== "st")
  .map((start) => `${start}*`)
  .join(",");

test("the commands print no secret except a requested token", async () => {
  const canaries = new Canaries();
  const authority = await createAuthority();
  await using stage = await startStage(canaries);
  const [cwd, bad] = [await temporaryFolder(), await temporaryFolder()];
  const env = { SECRET: canaries.fresh("client secret") };
  const prose = { error: "invalid_client", error_description: stage.say.prose() };
  stage.script("refused", { token: (response) => stage.say.json(response, 401, prose) });
  const working = {
    good: serverOf(stage, "good", { secret: { env: "SECRET" } }),
    refused: serverOf(stage, "refused", { secret: { env: "SECRET" } }),
    unread: serverOf(stage, "unread", { secret: { file: ".env", pointer: "/secret" } }),
  };
  write(cwd, "mcp-auth.config.json", JSON.stringify({ servers: working }));
  write(
    cwd,
    ".env",
    `OTHER="${canaries.word("variable of a file")}"\nMORE=${canaries.word("variable of a file")}`,
  );

  const { failures, options } = await ownFailures(canaries, stage, authority, cwd);
  const servers = Object.fromEntries(
    failures.map(({ server }, index) => [`s${index}`, { url: stage.mcp("x"), ...server }]),
  );
  write(cwd, "secrets.json", JSON.stringify({ servers }));
  write(bad, "mcp-auth.config.json", JSON.stringify(withLiterals(canaries)));

  const evidence = new Evidence();
  const command = async (at: string, argv: readonly string[]) => {
    const result = await run([cli, ...argv], at, { ...env, ...options.env });
    evidence.addTalk(`stderr of ${argv.join(" ")}`, result.err);
    return result;
  };
  const silent = async (at: string, argv: readonly string[], code: number) => {
    const result = await command(at, argv);
    evidence.add(`stdout of ${argv.join(" ")}`, result.out);
    expect([argv, result.code]).toEqual([argv, code]);
    expect(result.out + result.err).not.toBe("");
  };
  const giving = async (argv: readonly string[]) => {
    const { out, code } = await command(cwd, argv);
    expect([argv, code]).toEqual([argv, 0]);
    const { accessToken = out.trim(), ...rest } = argv.includes("--json") ? JSON.parse(out) : {};
    expect(canaries.find(accessToken)).toMatchObject([{ label: "access token", piece: accessToken }]);
    evidence.add(`the rest of ${argv.join(" ")}`, JSON.stringify(rest));
  };
  await Promise.all([
    giving(["token", "good", "--env-file", ".env"]),
    giving(["token", "good", "--json"]),
    silent(cwd, ["token", "refused"], 3),
    silent(cwd, ["token", "unread", "--json"], 2),
    silent(cwd, ["validate", "--secrets", "--json", "--config", "secrets.json"], 2),
    silent(bad, ["validate"], 2),
    silent(bad, ["validate", "--json"], 2),
  ]);
  expect(evidence.leaks(canaries)).toEqual([]);
  expect(evidence.credentialsInDetails(canaries)).toEqual([]);
});

test("errors for a config that contains secrets do not show them, in any place and any broken syntax", async () => {
  const canaries = new Canaries();
  await using watch = new Watch();
  const path = await temporaryFolder();
  const literals = withLiterals(canaries);
  const json = JSON.stringify(literals, null, 2);
  const word = () => canaries.word("text of a broken file");
  const texts: Readonly<Record<string, string>> = {
    "literals.json": json,
    "literals.yaml": json,
    "cut-off.json": `${json.slice(0, -30)}"${word()}`,
    "no-comma.json": json.replace(/,\n/, `\n"${word()}": "${word()}"`),
    "twice.json": `{"servers": {}, "more": "${word()}", "servers": {"more": "${word()}"}}`,
    "no-object.json": JSON.stringify([word(), word()]),
    "no-space.yaml": `servers: {crm: {url: https://crm.example, grant: {client: {issuer: https://a.example, id: a, secret:${word()}}}}}`,
    "tabs.yaml": `servers:\n\tsecret: ${word()}`,
    "anchor.yaml": `servers: *${word()}\nsecret: &${word()} ${word()}`,
    "tag.yaml": `servers: !${word()} ${word()}`,
    "block.yaml": `servers:\n  a: |\n    ${word()}\n   ${word()}`,
    "not-text.json": `\u0000${word()}`,
  };
  for (const [name, text] of Object.entries(texts)) {
    write(path, name, text);
    const outcome = await watch.outcome(name, () => createMcpAuth({ config: join(path, name), env: {} }));
    expect([name, Object(outcome).code]).toEqual([name, "config_invalid"]);
  }
  // JavaScript code can pass anything.
  const config = literals as unknown as McpAuthConfig;
  expect(await watch.outcome("object", () => createMcpAuth({ config, env: {} }))).toBeInstanceOf(Error);
  await watch.assertClean(canaries);
});

/**
 * Returns a config with a literal secret in each place for a reference, and in some places where nothing belongs. Names
 * of members are not secrets, because an error has to name a wrong member.
 */
function withLiterals(canaries: Canaries): object {
  const word = () => canaries.word("secret in the config");
  const issuer = "https://auth.example";
  const client = (credential: object) => ({ issuer, id: "agent", ...credential });
  const grants: readonly object[] = [
    { client: client({ secret: word() }) },
    { client: client({ secret: [word()] }) },
    { client: client({ secret: { value: word() } }) },
    { client: client({ secret: `\${SECRET:-${word()}}` }) },
    { client: client({ secret: { env: "S", more: word() } }) },
    { client: client({ secret: { file: "s", pointer: word() } }) },
    { client: client({ clientSecret: word() }) },
    { client: client({ key: { privateKey: canaries.phrase("key in the config") } }) },
    { client: client({ key: { privateKey: { env: "K" }, passphrase: word() } }) },
    { client: client({ key: { privateKey: { env: "K" }, alg: word() } }) },
    { client: client({ assertion: `eyJ${word()}.${word()}.${word()}` }) },
    { client: client({ certificate: { cert: { env: "C" }, key: word(), passphrase: word() } }) },
    { client: client({ secret: { env: "S" }, method: word() }) },
    { client: { issuer: `https://agent:${word()}@auth.example`, id: "agent", secret: { env: "S" } } },
    { client: client({ secret: { env: "S" } }), params: { client_secret: word() } },
    { type: "extension", client: client({}), grantType: "a b", params: { assertion: word() } },
    { type: "extension", client: client({}), grantType: "x", params: { password: `\${P:-${word()}}` } },
    { type: "static", token: word() },
    { type: word(), token: { env: "T" } },
    { type: "jwt_bearer", client: { issuer }, assertion: word() },
    { type: "token_exchange", client: client({}), subject: { token: word() }, actor: { token: word() } },
    { type: "token_exchange", client: client({}), subject: word() },
    {
      type: "token_exchange",
      client: client({}),
      params: { subject_token: word(), subject_token_type: "x" },
    },
    { type: "jwt_bearer", client: { issuer }, assertion: { runtime: word() } },
    {
      type: "enterprise_managed",
      client: client({}),
      idp: { client: client({ secret: word() }), subject: { token: word() } },
    },
  ];
  const servers = grants.map((grant, index) => [`s${index}`, { url: "https://mcp.example", grant }] as const);
  const grant = { client: client({ secret: { env: "S" } }) };
  return {
    store: { type: "file", encryptionKey: word() },
    network: { proxy: `http://agent:${word()}@proxy.example` },
    keys: { agent: word(), other: { privateKey: word() } },
    clients: { acme: client({ secret: word() }) },
    more: word(),
    servers: {
      ...Object.fromEntries(servers),
      user: { url: `https://agent:${word()}@mcp.example/`, grant },
      header: {
        url: "https://mcp.example",
        grant,
        headers: { Authorization: `Bearer ${word()}`, "X-Key": { value: word() } },
      },
      misplaced: {
        url: "https://mcp.example",
        grant,
        secret: word(),
        token: word(),
        dpop: word(),
        reach: word(),
      },
    },
  };
}

function serverOf(stage: Stage, name: string, credential: object) {
  return {
    url: stage.mcp(name),
    grant: { client: { issuer: stage.issuer(name), id: "agent", ...credential } },
  };
}

interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], cwd: string, env: object): Promise<CommandResult> {
  const stdio = ["ignore", "pipe", "pipe"] as const;
  const child = spawn(process.execPath, argv, {
    cwd,
    env: { PATH: process.env["PATH"], ...inheritedRecording(), ...env },
    stdio: [...stdio],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString("latin1");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString("latin1");
  });
  return await new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

function write(path: string, name: string, text: string): void {
  writeFileSync(join(path, name), text, { mode: 0o600 });
  // An old modification time, because the package waits for a file that was written a moment ago.
  utimesSync(join(path, name), 0, 0);
}
