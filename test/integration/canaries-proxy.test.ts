// Searches for canaries as canaries.test.ts does, in everything that the proxy and its commands say: with servers that
// work, and with servers that refuse, fail or send invalid responses.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../src/cli/main.js";
import { hostNames } from "../../src/proxy/host-settings/host-settings.js";
import { Canaries } from "../support/canaries.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { command } from "../unit/cli/command.js";
import { exchange } from "./attacked-proxy.js";
import { Evidence, Watch } from "./canaries-evidence.js";
import { servedFailures } from "./canaries-failures.js";
import { startStage } from "./canaries-stage.js";

test("the proxy and its commands show no secret and no text of a server, and only --print shows the local token", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const cwd = await temporaryFolder();
  const home = await temporaryFolder();
  // Half of the failures, of each kind. The others are in canaries.test.ts.
  const plain = servedFailures(canaries, stage).filter(({ server }) => isPlain(server));
  const failures = plain.filter((_, index) => index % 2 === 0);
  const client = (name: string) => ({ issuer: stage.issuer(name), id: "agent", secret: { env: "SECRET" } });
  const serverOf = (name: string) => ({ url: stage.mcp(name), grant: { client: client(name) } });
  const headers = { "X-Key": { env: "KEY" } };
  const failing = failures.map(({ script, server }, index) => {
    const name = `case-${index}`;
    stage.script(name, script ?? { resource: (response) => stage.say.html(response, 404) });
    return [name, { ...serverOf(name), ...server }] as const;
  });
  const servers = { good: { ...serverOf("good"), headers }, ...Object.fromEntries(failing) };
  const defaults = { retry: { attempts: 2, min: "1ms", max: "2ms" } };
  await mkdir(join(cwd, ".git"));
  await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify({ defaults, servers }), { mode: 0o600 });
  const env = {
    ...{ SECRET: canaries.fresh("client secret"), KEY: canaries.word("secret header"), XDG_STATE_HOME: home },
  };

  const around = { cwd, env };
  const printed = await command(["proxy", "--print", "mcporter", "--listen", "127.0.0.1:8484"], around);
  const [, localToken = ""] = /([A-Za-z0-9_-]{43})/.exec(printed.out) ?? [];
  canaries.plant("local token", localToken);

  const { evidence } = watch;
  const proxy = startCommand(
    ["proxy", "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--any-user"],
    around,
  );
  const origin = await proxy.line();
  const [folder = ""] = await readdir(join(home, "mcp-auth-runtime", "proxy"));
  const state = join(home, "mcp-auth-runtime", "proxy", folder);
  const operatingToken = canaries.plant(
    "operating token",
    (await readFile(join(state, "operating-token"), "utf8")).trim(),
  );
  const authorization = { authorization: `Bearer ${operatingToken}` };

  let answered = 0;
  let failed = 0;
  const body = JSON.stringify({ jsonrpc: "2.0", id: "the id", method: "tools/list" });
  const call = async (name: string, init: RequestInit): Promise<void> => {
    // In a header, because the spans of this test's own requests have their URLs.
    const headers = { "mcp-auth-proxy-token": localToken };
    const response = await fetch(`${origin}/${name}`, { redirect: "manual", headers, ...init }).catch(
      () => undefined,
    );
    // A server may end the connection.
    if (response === undefined) return;
    const text = await response.text().catch(() => "");
    const isOurs = text.includes('"code":-31001') || text === "";
    if (isOurs) failed += 1;
    else answered += 1;
    // What a server says to its client is passed on, except for credentials.
    const heads = JSON.stringify([...response.headers].filter(([header]) => isOurs || header !== "x-note"));
    (isOurs ? evidence : credentials).add(`answer of ${name}`, `${heads} ${text}`);
  };
  const credentials = new Evidence();
  for (const method of ["POST", "GET"]) {
    const names = [...Object.keys(servers), "unknown"];
    await Promise.all(names.map((name) => call(name, { method, ...(method === "POST" && { body }) })));
  }
  expect(answered).toBeGreaterThan(0);
  expect(failed).toBeGreaterThan(failures.length);

  const own = ["live", "ready", "metrics", "status", "nothing", ""].flatMap((page) => [
    [page, authorization] as const,
    [page, {}] as const,
    [page, { authorization: `Bearer ${localToken}` }] as const,
  ]);
  for (const [page, headers] of own) {
    const response = await fetch(`${origin}/-/${page}`, { headers });
    evidence.add(`/-/${page}`, `${JSON.stringify([...response.headers])} ${await response.text()}`);
  }
  for (const path of [
    "/good",
    "/x/good",
    `/${localToken.slice(1)}/good`,
    `/.well-known/${localToken}`,
    `/${localToken}/-`,
  ]) {
    const { host, port } = new URL(origin);
    const head = [`POST ${path} HTTP/1.1`, `Host: ${host}`, "Connection: close", `Cookie: ${localToken}`];
    evidence.add(`refusal of ${path}`, await exchange(Number(port), `${head.join("\r\n")}\r\n\r\n`));
  }

  for (const argv of [["status"], ["status", "--json"]]) {
    const { code, out, err } = await command(argv, around);
    expect([argv, code]).toEqual([argv, 0]);
    expect(out).toContain("case-0");
    evidence.add(`stdout of ${argv.join(" ")}`, out);
    evidence.add(`stderr of ${argv.join(" ")}`, err);
  }
  await expectLocalTokenOnly(around, canaries, localToken);

  expect(await proxy.end()).toBe(0);
  expect(proxy.err()).toContain("warning: ");
  evidence.add("stdout of proxy", proxy.out());
  evidence.addTalk("stderr of proxy", proxy.err());
  evidence.add("title of the process", process.title);
  const leaked = credentials.leaks(canaries).filter(({ label }) => !/^text of a /.test(label));
  expect(leaked).toEqual([]);
  await watch.assertClean(canaries);
});

/** The settings of each host have the local token, and no other canary. What goes to stderr has none. */
async function expectLocalTokenOnly(
  around: Parameters<typeof command>[1],
  canaries: Canaries,
  localToken: string,
): Promise<void> {
  for (const host of hostNames) {
    const { code, out, err } = await command(["proxy", "--print", host, "good"], around);
    expect([host, code]).toEqual([host, 0]);
    expect(out).toContain(localToken);
    expect(canaries.find(out.replaceAll(localToken, ""))).toEqual([]);
    expect(canaries.find(err)).toEqual([]);
  }
}

/** Whether a server can be written in a config file. */
function isPlain(server: object | undefined): boolean {
  return JSON.stringify(server ?? {}) === JSON.stringify(structuredClone(server ?? {}));
}

/** Starts a command in this process that runs until `end`. */
function startCommand(
  argv: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
) {
  const ending = new AbortController();
  const waiting: ((line: string) => void)[] = [];
  let [out, err] = ["", ""];
  const code = run(argv, {
    ...{ cwd, env, color: false, signal: ending.signal },
    out(text) {
      out += text;
      for (const resolve of waiting.splice(0)) resolve(out.split("\n")[0] ?? "");
    },
    err(text) {
      err += text;
    },
  });
  return {
    /** Resolves with the first line. Rejects if the command ends before. */
    line: () =>
      Promise.race([
        new Promise<string>((resolve) => waiting.push(resolve)),
        code.then((exitCode) => Promise.reject(new Error(`It ended with code ${exitCode}: ${err}`))),
      ]),
    async end() {
      ending.abort();
      return await code;
    },
    out: () => out,
    err: () => err,
  };
}
