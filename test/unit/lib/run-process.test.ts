import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type ProcessOptions, type ProcessOutcome, runProcess } from "../../../src/lib/run-process.js";
import { fakeClock } from "../../support/fake-clock.js";

const posix = process.platform !== "win32";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "run-process-")));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs a JavaScript program. */
function run(code: string, options: Partial<ProcessOptions> & { args?: string[] } = {}) {
  const { args = [], ...others } = options;
  const command = [process.execPath, "-e", code, ...args];
  return runProcess({ command, cwd: folder, env: {}, timeout: 10_000, ...others });
}

async function printed(outcome: Promise<ProcessOutcome>): Promise<string> {
  const ended = await outcome;
  if (ended.kind !== "done") throw new Error(`expected it to end well: ${JSON.stringify(ended)}`);
  return ended.stdout.toString("utf8");
}

/** Returns the lines of a program that connects to this test, and runs until it is killed. */
async function beacon(): Promise<{ stay: string; connected: Promise<Socket> }> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo;
  const connected = once(server, "connection").then(([socket]: Socket[]) => {
    if (socket === undefined) throw new Error("no socket");
    // A killed process may reset its connection.
    socket.on("error", () => {}).resume();
    return socket;
  });
  return {
    stay: `const here = require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000);`,
    connected,
  };
}

/** Resolves when the process at the other end is gone. */
async function gone(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, "close");
}

describe("runProcess: output and input", () => {
  it("a command returns the bytes on stdout, and nothing from stderr", async () => {
    const code = "process.stderr.write('canary'); process.stdout.write(Buffer.from([0, 255, 10, 13, 10]))";
    const outcome = await run(code);
    expect(outcome).toEqual({ kind: "done", code: 0, stdout: Buffer.from([0, 255, 10, 13, 10]) });
    expect(inspect(outcome)).not.toContain("canary");
  });

  it("a command gets its arguments unchanged, without a shell", async () => {
    const args = ["$HOME", "`id`", "a b", "*", "; echo x", "'\"", ""];
    const code = "process.stdout.write(JSON.stringify(process.argv.slice(1)))";
    expect(JSON.parse(await printed(run(code, { args: ["--", ...args] })))).toEqual(args);
  });

  it("a command gets only the environment that it is given", async () => {
    const code = "process.stdout.write(JSON.stringify(process.env))";
    const env = { ONE: "1", TWO: undefined, "THREE 3": "" };
    const seen: Record<string, string> = JSON.parse(await printed(run(code, { env })));
    // macOS adds a variable.
    delete seen["__CF_USER_TEXT_ENCODING"];
    if (posix) expect(seen).toEqual({ ONE: "1", "THREE 3": "" });
    else expect(seen).toMatchObject({ ONE: "1", "THREE 3": "" });
  });

  it("a command runs in the given folder", async () => {
    expect(await printed(run("process.stdout.write(process.cwd())"))).toBe(folder);
  });

  it("a command without input reads the end of stdin at once", async () => {
    const code = "process.stdin.on('end', () => process.stdout.write('end')).resume()";
    expect(await printed(run(code))).toBe("end");
  });

  it.each<[string, string | Uint8Array, string]>([
    ["text", "p:ä\n", "703ac3a40a"],
    ["bytes", Uint8Array.of(0, 255), "00ff"],
    ["an empty text", "", ""],
  ])("a command reads its input: %s", async (_, input, hex) => {
    const code =
      "const all = []; process.stdin.on('data', (c) => all.push(c));" +
      "process.stdin.on('end', () => process.stdout.write(Buffer.concat(all).toString('hex')))";
    expect(await printed(run(code, { input }))).toBe(hex);
  });

  it("a command may exit without reading its input", async () => {
    expect(await printed(run("process.stdout.write('x')", { input: "y".repeat(4_000_000) }))).toBe("x");
  });

  it("a command can print any amount on stderr", async () => {
    const code = "process.stderr.write('x'.repeat(4_000_000), () => process.stdout.write('done'))";
    expect(await printed(run(code))).toBe("done");
  });

  it("a command can print as many bytes as are allowed, and not one more", async () => {
    const print = (count: number) => `process.stdout.write("x".repeat(${count}))`;
    expect(await printed(run(print(100), { maxBytes: 100 }))).toHaveLength(100);
    const tooMuch = { kind: "failed", problem: "it printed more than 100 bytes.", retryable: false };
    expect(await run(print(101), { maxBytes: 100 })).toEqual(tooMuch);
    expect(await printed(run(print(1_048_576)))).toHaveLength(1_048_576);
    expect(await run(print(1_048_577))).toMatchObject({ problem: "it printed more than 1048576 bytes." });
  });
});

describe("runProcess: failures", () => {
  const problem = async (outcome: Promise<ProcessOutcome>) => {
    const ended = await outcome;
    expect(ended).toMatchObject({ kind: "failed", retryable: false });
    expect(JSON.stringify(ended)).not.toContain("canary");
    return ended.kind === "failed" ? ended.problem : undefined;
  };
  const start = (command: readonly string[], options: Partial<ProcessOptions> = {}) =>
    problem(runProcess({ command, cwd: folder, env: {}, timeout: 10_000, ...options }));

  it("a command that fails is reported with its exit code and without its output", async () => {
    const code = "console.log('canary'); console.error('canary'); process.exitCode = 3";
    expect(await problem(run(code))).toBe("it ended with exit code 3.");
  });

  it.runIf(posix)("a command that a signal ended is reported with that signal", async () => {
    expect(await problem(run("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)"))).toBe(
      "it was ended by SIGTERM.",
    );
  });

  it.each([[["canary-command", "canary"]], [["./canary/command"]]])(
    "a command that does not exist is reported: %j",
    async (command) => {
      expect(await start(command)).toBe("the command was not found, or its folder does not exist.");
    },
  );

  it("a folder that does not exist is reported", async () => {
    expect(await start([process.execPath, "-e", ""], { cwd: join(folder, "canary") })).toBe(
      "the command was not found, or its folder does not exist.",
    );
  });

  it.runIf(posix)("a file that may not be executed is reported", async () => {
    await writeFile(join(folder, "canary"), "#!/bin/sh\n", { mode: 0o644 });
    expect(await start(["./canary"])).toBe("this process may not run the command.");
    expect(await start([folder])).toBe("this process may not run the command.");
  });

  it.each([[[]], [[""]], [["", "canary"]]])("a command without a name is reported: %j", async (command) => {
    expect(await start(command)).toBe("it names no command.");
  });

  it("an argument with a null byte is reported", async () => {
    expect(await start([process.execPath, "canary\0"])).toBe(
      "it could not be started (ERR_INVALID_ARG_VALUE).",
    );
  });

  it.runIf(posix)("arguments that are too long are reported", async () => {
    const command = [
      process.execPath,
      "-e",
      "",
      ...Array.from({ length: 64 }, () => "canary".repeat(20_000)),
    ];
    expect(await start(command)).toBe("its arguments or the environment are too long.");
  });
});

describe("runProcess: timeouts", () => {
  it("a command that times out is killed, and the failure is retryable", async () => {
    const { stay, connected } = await beacon();
    const clock = fakeClock();
    const outcome = run(`console.log("canary"); ${stay}`, { clock, timeout: 5_000 });
    const socket = await connected;
    expect(clock.pending).toMatchObject([{ delay: 5_000, unrefd: true }]);
    await clock.advance(5_000);
    expect(await outcome).toEqual({
      kind: "failed",
      problem: "it did not end within 5000 ms.",
      retryable: true,
    });
    await gone(socket);
    expect(clock.pending).toEqual([]);
  });

  it("a command is killed when its signal is aborted", async () => {
    const { stay, connected } = await beacon();
    const controller = new AbortController();
    const outcome = run(stay, { signal: controller.signal });
    const socket = await connected;
    controller.abort();
    expect(await outcome).toEqual({ kind: "aborted" });
    await gone(socket);
  });

  it("a command that prints too much is killed", async () => {
    const { stay, connected } = await beacon();
    const print = `here.on("connect", () => setInterval(() => process.stdout.write("x".repeat(1000)), 1));`;
    const outcome = run(`${stay} ${print}`, { maxBytes: 10_000 });
    const socket = await connected;
    expect(await outcome).toMatchObject({ problem: "it printed more than 10000 bytes." });
    await gone(socket);
  });

  it.runIf(posix)("a command that ignores signals is killed", async () => {
    const { stay, connected } = await beacon();
    const controller = new AbortController();
    const outcome = run(`for (const s of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(s, () => {}); ${stay}`, {
      signal: controller.signal,
    });
    const socket = await connected;
    controller.abort();
    expect(await outcome).toEqual({ kind: "aborted" });
    await gone(socket);
  });

  /** Starts a program that inherits stdout and whose first argument is the process id of its parent. */
  const spawning = (code: string, then: string) =>
    `const command = ["-e", ${JSON.stringify(code)}, String(process.pid)];
    require("node:child_process").spawn(process.execPath, command, { stdio: "inherit" }); ${then}`;

  it("a command is killed with the processes that it has started", async () => {
    const { stay, connected } = await beacon();
    const controller = new AbortController();
    const outcome = run(spawning(stay, "setInterval(() => {}, 1000)"), { signal: controller.signal });
    const socket = await connected;
    controller.abort();
    expect(await outcome).toEqual({ kind: "aborted" });
    await gone(socket);
  });

  it.runIf(posix)(
    "a timeout says whether the command itself or a process that it started is still running",
    async () => {
      const { stay, connected } = await beacon();
      const clock = fakeClock();
      // The grandchild connects once its parent is gone.
      const orphan = `const timer = setInterval(() => {
        if (String(process.ppid) === process.argv[1]) return; clearInterval(timer); ${stay} }, 1);`;
      const outcome = run(spawning(orphan, "process.stdout.write('x', () => process.exit(0))"), { clock });
      const socket = await connected;
      await clock.advance(10_000);
      expect(await outcome).toEqual({
        kind: "failed",
        problem: "it ended, but something that it started still held its output after 10000 ms.",
        retryable: true,
      });
      await gone(socket);
    },
  );
});

it("a command is killed when the process that runs it exits first", async () => {
  const { stay, connected } = await beacon();
  const compiled = join(folder, "run-process.mjs");
  const source = fileURLToPath(new URL("../../../src/lib/run-process.ts", import.meta.url));
  await build({ entryPoints: [source], outfile: compiled, bundle: true, format: "esm", platform: "node" });
  const command = [process.execPath, "-e", stay];
  const host = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { runProcess } from ${JSON.stringify(pathToFileURL(compiled).href)};
      process.stdin.once("data", () => process.exit(7));
      await runProcess({ command: ${JSON.stringify(command)}, cwd: "/", env: {}, timeout: 60_000 });`,
    ],
    { stdio: ["pipe", "inherit", "inherit"] },
  );
  onTestFinished(() => void host.kill("SIGKILL"));
  const socket = await connected;
  host.stdin.write("now");
  expect(await once(host, "exit")).toEqual([7, null]);
  await gone(socket);
});

describe("runProcess: signals", () => {
  it("no command is started if the signal is already aborted", async () => {
    const signal = AbortSignal.abort();
    expect(await runProcess({ command: ["/nowhere"], cwd: folder, env: {}, timeout: 1, signal })).toEqual({
      kind: "aborted",
    });
  });

  it("many commands can share a signal without a warning from Node", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const { signal } = new AbortController();
    const options = { command: ["/nowhere"], cwd: folder, env: {}, timeout: 10_000, signal };
    await Promise.all(Array.from({ length: 20 }, () => runProcess(options)));
    expect(warnings).toEqual([]);
  });

  it("a finished command leaves no listener on its signal or on the process", async () => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners.add(args[1]);
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners.delete(args[1]);
      removeEventListener.apply(signal, args);
    };
    const before = process.listenerCount("exit");
    const runs = [
      run("", { signal }),
      run("process.exit(1)", { signal }),
      run("process.stdout.write('xx')", { signal, maxBytes: 1 }),
      runProcess({ command: ["/nowhere"], cwd: folder, env: {}, timeout: 10_000, signal }),
    ];
    expect(listeners.size).toBe(4);
    expect(process.listenerCount("exit")).toBe(before + 1);
    await Promise.all(runs);
    expect(listeners.size).toBe(0);
    expect(process.listenerCount("exit")).toBe(before);
  });
});
