// The commands as separate processes: interrupts and time limits, and exit codes if a stream or folder is gone.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
// With `--`, as in the first line of the command. Without it, Node itself would handle `--env-file`.
const node = [process.execPath, "--", cli];

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

interface Around {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file descriptor in place of a pipe. */
  readonly stdout?: number;
  readonly stderr?: number;
}

function program(argv: readonly string[], around: Around): { child: ChildProcess; ended: Promise<Ended> } {
  const [file = "", ...args] = argv;
  const { cwd, env, stdout = "pipe", stderr = "pipe" } = around;
  const stdio = ["ignore", stdout, stderr] as const;
  const child = spawn(file, args, { cwd, env: { PATH: process.env["PATH"], ...env }, stdio: [...stdio] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err += chunk));
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, out, err })),
  );
  return { child, ended };
}

const run = (argv: readonly string[], around: Around) => program([...node, ...argv], around);

const grant = { type: "static", token: { env: "TOKEN" } };
const crm = { url: "https://crm.example/mcp", grant };

async function folder(servers: object = { crm }): Promise<string> {
  const path = await temporaryFolder();
  await mkdir(join(path, ".git"));
  await writeFile(join(path, "mcp-auth.config.json"), JSON.stringify({ servers }), { mode: 0o600 });
  return path;
}

function fifo(cwd: string): string {
  const path = join(cwd, "variables");
  execFileSync("mkfifo", [path]);
  return path;
}

const unix = process.platform !== "win32";
const hasFull = existsSync("/dev/full");

describe.runIf(unix)("a pipe that --env-file names, as <(sops -d secrets.env) is one", () => {
  test.each([
    ["token", "SIGINT"],
    ["token", "SIGTERM"],
    ["validate", "SIGINT"],
    ["headers", "SIGTERM"],
  ] as const)("%s ends with 130 on %s while it waits for a pipe of --env-file", async (name, signal) => {
    const cwd = await folder();
    const path = fifo(cwd);
    const server = name === "validate" ? [] : ["crm"];
    const { child, ended } = run([name, ...server, "--env-file", path], { cwd });
    // Resolves when the command has opened the pipe to read.
    const writer = await open(path, "w");
    onTestFinished(() => writer.close());
    child.kill(signal);
    expect(await ended).toEqual({ code: 130, signal: null, out: "", err: "" });
  });

  test("a pipe of --env-file is read to its end, in any number of chunks", async () => {
    const cwd = await folder();
    const path = fifo(cwd);
    const { ended } = run(["token", "crm", "--env-file", path], { cwd });
    const writer = await open(path, "w");
    await writer.write("TOKEN=t0");
    await new Promise((resolve) => setTimeout(resolve, 0));
    await writer.write("ken\n");
    await writer.close();
    expect(await ended).toMatchObject({ code: 0, out: "t0ken\n", err: "" });
  });

  test("a pipe of --env-file that never ends is refused as too large", async () => {
    const cwd = await folder();
    const path = fifo(cwd);
    const { ended } = run(["token", "crm", "--env-file", path], { cwd });
    const writer = program(["sh", "-c", 'yes > "$0"', path], { cwd });
    expect(await ended).toMatchObject({
      code: 2,
      out: "",
      err: `error: The file ${path} of --env-file cannot be read: it is larger than 1 MiB. Correct the path or its permissions.\n`,
    });
    await writer.ended;
  });
});

test.each<[string, (cwd: string) => Promise<string>, string]>([
  [
    "a file over 1 MiB",
    async (cwd) => {
      await writeFile(join(cwd, "large.env"), `A=${"a".repeat(1_048_576)}`);
      return "large.env";
    },
    "it is larger than 1 MiB",
  ],
  ["a folder", async () => ".git", "it is a directory"],
  ["a missing file", async () => "none.env", "it does not exist"],
])("--env-file with %s is a usage error", async (_, make, reason) => {
  const cwd = await folder();
  const name = await make(cwd);
  expect(await run(["token", "crm", "--env-file", name], { cwd }).ended).toMatchObject({
    code: 2,
    out: "",
    err: `error: The file ${name} of --env-file cannot be read: ${reason}. Correct the path or its permissions.\n`,
  });
});

describe.runIf(unix)("references in `headers` that never come", () => {
  async function waiting(): Promise<{ cwd: string; started: string }> {
    const cwd = await folder();
    const started = join(cwd, "started");
    const script = `require("node:fs").writeFileSync(${JSON.stringify(started)}, ""); setInterval(() => {}, 1000)`;
    const headers = { "x-key": { exec: [process.execPath, "-e", script], timeout: "10m" } };
    const config = { servers: { crm: { ...crm, headers } } };
    await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify(config), { mode: 0o600 });
    return { cwd, started };
  }

  test("the command `headers` fails with timeout after eight seconds in all, --env-file included", async () => {
    const { cwd } = await waiting();
    const withPipe = await folder();
    const env = { TOKEN: "t0ken" };
    const [references, variables] = await Promise.all([
      run(["headers", "crm"], { cwd, env }).ended,
      run(["headers", "crm", "--env-file", fifo(withPipe)], { cwd: withPipe, env }).ended,
    ]);
    expect(references).toMatchObject({
      code: 4,
      out: "",
      err: 'error[timeout]: Server "crm": there were no headers within 8000 ms. Try again.\n',
    });
    expect(variables).toMatchObject({
      code: 4,
      out: "",
      err: "error[timeout]: There were no headers within 8000 ms. Try again.\n",
    });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("the command `headers` ends with 130 on %s", async (signal) => {
    const { cwd, started } = await waiting();
    const { child, ended } = run(["headers", "crm"], { cwd, env: { TOKEN: "t0ken" } });
    await expect.poll(() => existsSync(started)).toBe(true);
    child.kill(signal);
    expect(await ended).toEqual({ code: 130, signal: null, out: "", err: "" });
  });
});

const mistaken = { crm: { ...crm, x: 1 } };
const missing = { TOKEN: "" };

describe("a closed stdout or stderr", () => {
  test.each<[string, readonly string[], object, Readonly<Record<string, string>>, number]>([
    ["validate with a valid config", ["validate"], { crm }, {}, 0],
    ["validate with mistakes in the config", ["validate"], mistaken, {}, 2],
    ["token", ["token", "crm"], { crm }, { TOKEN: "t0ken" }, 0],
    ["token with a missing secret", ["token", "crm"], { crm }, missing, 2],
    ["an unknown command", ["nonsense"], { crm }, {}, 2],
    ["--version", ["--version"], { crm }, {}, 0],
    ["--help", ["--help"], { crm }, {}, 0],
  ])("a closed stdout or stderr does not change the exit code of %s", async (_, argv, servers, env, code) => {
    const cwd = await folder(servers);
    const { child, ended } = run(argv, { cwd, env });
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect(await ended).toMatchObject({ code, signal: null });
  });

  test.runIf(unix)(
    "the exit code of `validate 2>&1 | head -1` does not depend on what head reads",
    async () => {
      const servers = Object.fromEntries(
        Array.from({ length: 2_000 }, (_, index) => [`s${index}`, { url: "no" }]),
      );
      const cwd = await folder(servers);
      const line = '("$@" 2>&1; echo "exit code $?" >&3) 3>&2 | head -1';
      const { ended } = program(["sh", "-c", line, "sh", ...node, "validate"], { cwd });
      const { out, err } = await ended;
      expect(out).toMatch(/^mcp-auth\.config\.json:\d+:\d+ [^\n]+\n$/);
      expect(err).toBe("exit code 2\n");
    },
  );
});

describe.runIf(hasFull)("on a full disk", () => {
  function full(): number {
    const file = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(file));
    return file;
  }
  const said = "error: The result cannot be written to stdout (ENOSPC).\n";

  test.each<[string, readonly string[]]>([
    ["token", ["token", "crm"]],
    ["headers", ["headers", "crm"]],
    ["validate", ["validate"]],
    ["--version", ["--version"]],
    ["--help", ["--help"]],
    ["token --help", ["token", "--help"]],
  ])("a result that cannot be written is an error in one line: %s", async (_, argv) => {
    const cwd = await folder();
    const { ended } = run(argv, { cwd, env: { TOKEN: "t0ken" }, stdout: full() });
    expect(await ended).toMatchObject({ code: 1, signal: null, err: said });
  });

  test("a failed command keeps its exit code if its error cannot be written", async () => {
    const cwd = await folder(mistaken);
    const { ended } = run(["validate"], { cwd, stdout: full() });
    expect(await ended).toMatchObject({ code: 2, err: `1 mistake\n${said}` });
  });

  test("a full stderr does not change the exit code", async () => {
    const stderr = full();
    const cwd = await folder();
    const env = { TOKEN: "t0ken" };
    expect(await run(["token", "crm"], { cwd, env, stderr }).ended).toMatchObject({
      code: 0,
      out: "t0ken\n",
    });
    expect(await run(["token", "crm"], { cwd, env: missing, stderr }).ended).toMatchObject({
      code: 2,
      out: "",
    });
    expect(await run(["token", "crm"], { cwd, env, stderr, stdout: stderr }).ended).toMatchObject({
      code: 1,
    });
  });
});

describe.runIf(process.platform === "linux")("in a working directory that was deleted", () => {
  const gone = /^error\[config_not_found\]: The working directory does not exist any more[^\n]*\n$/;

  const deleteAndRun = 'rmdir "$0" && exec "$@"';

  async function there(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const cwd = join(await folder(), "deleted");
    await mkdir(cwd);
    return await program(["sh", "-c", deleteAndRun, cwd, ...node, ...argv], { cwd, env }).ended;
  }

  test.each([[["--version"]], [["--help"]], [["token", "--help"]]])(
    "%s works in a working directory that was deleted",
    async (argv) => {
      expect(await there(argv)).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/./) });
    },
  );

  test("a config that is named by its absolute path is used even if the working directory was deleted", async () => {
    const config = join(await folder(), "mcp-auth.config.json");
    const env = { TOKEN: "t0ken" };
    const done = { code: 0, out: "t0ken\n", err: "" };
    expect(await there(["token", "crm", "--config", config], env)).toMatchObject(done);
    expect(await there(["token", "crm"], { ...env, MCP_AUTH_CONFIG: config })).toMatchObject(done);
    expect(await there(["validate", "--config", config])).toMatchObject({ code: 0, err: "" });
  });

  test.each([
    [["token", "crm"]],
    [["validate"]],
    [["headers", "crm"]],
    [["token", "crm", "--config", "mcp-auth.config.json"]],
    [["validate", "--config", "/etc/none.json", "--env-file", "variables"]],
  ])("a command that needs the working directory says in one line that it is gone: %s", async (argv) => {
    expect(await there(argv)).toMatchObject({ code: 2, out: "", err: expect.stringMatching(gone) });
  });

  test("createMcpAuth needs the working directory too, and works with an absolute path", async () => {
    const config = join(await folder(), "mcp-auth.config.json");
    const dist = new URL("../../dist/index.js", import.meta.url).href;
    const source = (options: object) =>
      `const { createMcpAuth } = await import(${JSON.stringify(dist)});
       const done = await createMcpAuth(${JSON.stringify(options)}).then((auth) => auth.servers, (error) => error.code);
       console.log(String(done));`;
    const cwd = join(await folder(), "deleted");
    const file = join(await folder(), "program.mjs");
    for (const [options, printed] of [
      [{}, "config_not_found"],
      [{ cwd: "sub" }, "config_not_found"],
      [{ config: { servers: { crm } } }, "config_not_found"],
      [{ config }, "crm"],
      [{ config: { servers: { crm } }, cwd: "/" }, "crm"],
    ] as const) {
      await mkdir(cwd);
      await writeFile(file, source(options));
      const { ended } = program(["sh", "-c", deleteAndRun, cwd, process.execPath, file], { cwd });
      expect(await ended).toMatchObject({ code: 0, out: `${printed}\n`, err: "" });
    }
  });
});
