// The command `exec` as a separate process: what the command that it runs gets, signals, and how both end.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const exec = [process.execPath, "--", cli, "exec", "crm"];
const unix = process.platform !== "win32";

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stdout has this text. */
  printed(text: string): Promise<void>;
}

/** Starts a program in a session of its own, so that no terminal of the person who runs the tests reaches it. */
function start([file = "", ...args]: readonly string[], cwd: string, env: object = {}): Running {
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env["PATH"], TOKEN: "t0ken", ...env },
    stdio: "pipe",
    detached: true,
  });
  onTestFinished(() => {
    // The whole group, because what `exec` runs is not ours to end otherwise.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, "SIGKILL");
    }
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, out, err })),
  );
  const printed = async (text: string) => await expect.poll(() => out).toContain(text);
  return { child, ended, printed };
}

const grant = (variable: string) => ({ type: "static", token: { env: variable } });
const servers = {
  crm: { url: "https://crm.example/mcp", grant: grant("TOKEN"), headers: { "x-key": { env: "API_KEY" } } },
  billing: { url: "https://${HOST:-billing}.example/mcp", grant: grant("BILLING_TOKEN") },
};

async function folder(): Promise<string> {
  const path = await temporaryFolder();
  await mkdir(join(path, ".git"));
  await writeFile(join(path, "mcp-auth.config.json"), JSON.stringify({ servers }), { mode: 0o600 });
  return path;
}

/** The arguments of Node that run a script. */
const script = (text: string) => [process.execPath, "-e", text];

describe("what the command gets", () => {
  const printEnvironment = script("console.log(JSON.stringify(process.env))");

  test("the command has the token in MCP_AUTH_TOKEN, and none of the variables with secrets of the config", async () => {
    const cwd = await folder();
    const secrets = { API_KEY: "k3y", BILLING_TOKEN: "b1lling" };
    const env = { ...secrets, HOST: "billing", OTHER: "kept" };
    const { code, out, err } = await start([...exec, "--", ...printEnvironment], cwd, env).ended;
    expect([code, err]).toEqual([0, ""]);
    const names = ["MCP_AUTH_TOKEN", "TOKEN", "API_KEY", "BILLING_TOKEN", "HOST", "OTHER"];
    const got = JSON.parse(out);
    expect(Object.fromEntries(names.map((name) => [name, got[name] ?? "unset"]))).toEqual({
      ...{ MCP_AUTH_TOKEN: "t0ken", HOST: "billing", OTHER: "kept" },
      ...{ TOKEN: "unset", API_KEY: "unset", BILLING_TOKEN: "unset" },
    });
  });

  test("--env names the variable of the token, which may be one that the config reads", async () => {
    const cwd = await folder();
    const run = async (name: string) =>
      JSON.parse((await start([...exec, "--env", name, "--", ...printEnvironment], cwd).ended).out);
    expect(await run("CRM_TOKEN")).toMatchObject({ CRM_TOKEN: "t0ken" });
    expect(await run("CRM_TOKEN")).not.toHaveProperty("MCP_AUTH_TOKEN");
    expect(await run("TOKEN")).toMatchObject({ TOKEN: "t0ken" });
  });

  test("the variables of --env-file are for the config and not for the command", async () => {
    const cwd = await folder();
    await writeFile(join(cwd, ".env"), "TOKEN=fr0m-file\nOTHER=secret\n");
    const argv = [...exec, "--env-file", ".env", "--", ...printEnvironment];
    const { out } = await start(argv, cwd, { TOKEN: undefined }).ended;
    const got = JSON.parse(out);
    expect(got).toMatchObject({ MCP_AUTH_TOKEN: "fr0m-file" });
    expect(got).not.toHaveProperty("OTHER");
  });

  test("the command reads stdin and writes stdout and stderr itself, also more than a pipe holds", async () => {
    const { child, ended } = start(
      [...exec, "--", ...script("process.stdin.pipe(process.stdout)")],
      await folder(),
    );
    const text = `${"0123456789abcdef".repeat(20_000)}\n`;
    child.stdin?.end(text);
    const { code, out, err } = await ended;
    expect([code, out === text, err]).toEqual([0, true, ""]);
  });

  test("arguments reach the command unchanged, also those that are options of exec", async () => {
    const args = ["--help", "--json", "--env", "", "a b", "$(x)", "*", "--", "-x"];
    const argv = [
      ...exec,
      "--",
      ...script("console.log(JSON.stringify(process.argv.slice(1)))"),
      "--",
      ...args,
    ];
    const { code, out } = await start(argv, await folder()).ended;
    expect([code, JSON.parse(out)]).toEqual([0, args]);
  });

  test.runIf(unix)("the example in docs/cli.md runs a command that has a token", async () => {
    const root = new URL("../../", import.meta.url);
    const { code = "" } = snippets(root, "docs/cli.md").find(({ mark }) => mark === "exec") ?? {};
    const npx = 'npx() { shift; "$NODE" -- "$CLI" "$@"; }';
    const env = { NODE: process.execPath, CLI: cli };
    const { out, err } = await start(["sh", "-c", `${npx}\n${code}`], await folder(), env).ended;
    expect([out, err]).toEqual(["true\n", ""]);
  });

  test.runIf(existsSync("/proc/self/cmdline"))(
    "the token is not among the arguments of any process",
    async () => {
      const read = 'require("node:fs").readFileSync(`/proc/${id}/cmdline`, "utf8")';
      const text = `console.log([process.pid, process.ppid].map((id) => ${read}).join())`;
      const { out } = await start([...exec, "--", ...script(text)], await folder()).ended;
      expect(out).toContain("exec");
      expect(out).not.toContain("t0ken");
    },
  );

  test("under GitHub Actions, the token is masked before the command prints anything", async () => {
    const shell = ["sh", "-c", '"$@" 2>&1', "sh", ...exec, "--"];
    const argv = [...shell, ...script("console.log(process.env.MCP_AUTH_TOKEN)")];
    const env = { GITHUB_ACTIONS: "true" };
    expect((await start(argv, await folder(), env).ended).out).toBe("::add-mask::t0ken\nt0ken\n");
    expect((await start(argv, await folder()).ended).out).toBe("t0ken\n");
  });
});

describe("how it ends", () => {
  test.each([0, 1, 2, 3, 42, 130, 255])("exec ends with the exit code of the command: %i", async (code) => {
    const { ended } = start([...exec, "--", ...script(`process.exit(${code})`)], await folder());
    expect(await ended).toEqual({ code, signal: null, out: "", err: "" });
  });

  test.runIf(unix).each(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const)(
    "exec ends by %s if that ended the command",
    async (signal) => {
      const { ended } = start(
        [...exec, "--", ...script(`process.kill(process.pid, "${signal}")`)],
        await folder(),
      );
      expect(await ended).toEqual({ code: null, signal, out: "", err: "" });
    },
  );

  // It would write the memory of `exec` to a file too, and the secrets of the config with it.
  test.runIf(unix)("exec ends with 139, and not by SIGSEGV, if that ended the command", async () => {
    const { ended } = start([...exec, "--", "sh", "-c", "ulimit -c 0; kill -SEGV $$"], await folder());
    expect(await ended).toEqual({ code: 139, signal: null, out: "", err: "" });
  });

  test.each<[string, (cwd: string) => Promise<string>, number, string]>([
    ["is not found", async () => "no-such-command", 127, "It was not found. Check its name and PATH."],
    [
      "is a folder",
      async (cwd) => cwd,
      126,
      "It is a folder, or this user may not run it. Check its permissions.",
    ],
    [
      "is not executable",
      async (cwd) => {
        await writeFile(join(cwd, "notes"), "text", { mode: 0o600 });
        return join(cwd, "notes");
      },
      126,
      "It is a folder, or this user may not run it. Check its permissions.",
    ],
  ])("a command that %s is reported as a shell reports it", async (_, make, code, problem) => {
    const cwd = await folder();
    const file = await make(cwd);
    expect(await start([...exec, "--", file], cwd).ended).toEqual({
      ...{ code, signal: null, out: "" },
      err: `error: The command "${file}" could not be started. ${problem}\n`,
    });
  });

  test("without a token, the command is not started", async () => {
    const argv = [...exec, "--", ...script('console.log("started")')];
    expect(await start(argv, await folder(), { TOKEN: "" }).ended).toMatchObject({
      ...{ code: 2, out: "" },
      err: expect.stringMatching(/^error\[secret_unavailable\]: /),
    });
  });

  test.runIf(unix)("a closed stdout or stderr does not change the exit code of the command", async () => {
    const shell = ["sh", "-c", '"$@" >&- 2>&-', "sh", ...exec, "--"];
    const env = { GITHUB_ACTIONS: "true" };
    expect(await start([...shell, ...script("process.exit(5)")], await folder(), env).ended).toMatchObject({
      code: 5,
    });
  });
});

/** Prints each signal that it gets, and ends with the number of signals at the end of its stdin. */
const countSignals = script(`
  let count = 0;
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
    process.on(signal, () => console.log("got", signal, String(++count)));
  }
  let lines = 0;
  process.stdin.on("data", () => console.log("line", String(++lines)));
  process.stdin.on("end", () => process.exit(count));
  console.log("ready");
`);

describe.runIf(unix)("signals", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const)(
    "%s that only exec gets is passed on once, and exec waits for the command",
    async (signal) => {
      const { child, ended, printed } = start([...exec, "--", ...countSignals], await folder());
      await printed("ready\n");
      child.kill(signal);
      await printed(`got ${signal} 1\n`);
      child.stdin?.end();
      expect(await ended).toEqual({ code: 1, signal: null, out: `ready\ngot ${signal} 1\n`, err: "" });
    },
  );

  test("a command that does not handle SIGTERM is ended by it, and so is exec", async () => {
    const text = 'setInterval(() => {}, 1000); console.log("ready")';
    const { child, ended, printed } = start([...exec, "--", ...script(text)], await folder());
    await printed("ready\n");
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: null, signal: "SIGTERM", out: "ready\n", err: "" });
  });

  // `script` of util-linux runs a program on a terminal of its own.
  test.runIf(process.platform === "linux")(
    "Ctrl+C on a terminal reaches the command once, because the terminal sends it to both",
    async () => {
      const cwd = await folder();
      const quoted = [...exec, "--", ...countSignals].map((each) => `'${each.replaceAll("'", "'\\''")}'`);
      const { child, ended, printed } = start(
        ["script", "-qec", `exec ${quoted.join(" ")}`, "/dev/null"],
        cwd,
      );
      await printed("ready");
      // Two signals may become one before the command gets them, so once would prove little.
      const times = 8;
      for (let time = 1; time <= times; time += 1) {
        child.stdin?.write("\u0003");
        await printed(`got SIGINT ${time}\r\n`);
        // Time for another one.
        child.stdin?.write("\n");
        await printed(`line ${time}\r\n`);
      }
      child.stdin?.write("\u0004");
      expect(await ended).toMatchObject({ code: times });
    },
  );
});
