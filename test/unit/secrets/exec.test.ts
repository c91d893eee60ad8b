import { once } from "node:events";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { ExecReference } from "../../../src/config/spec.js";
import { createPermissions, forbidCommands } from "../../../src/lib/permissions.js";
import { readSecret, type SecretContext } from "../../../src/secrets/read-secret.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { readFailureOf } from "./read-failure-of.js";

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "exec-")));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const reference = (code: string, more: Partial<ExecReference> = {}): ExecReference => ({
  exec: [process.execPath, "-e", code],
  cwd: folder,
  timeout: 10_000,
  ...more,
});

async function read(code: ExecReference, context: Partial<SecretContext> = {}): Promise<string> {
  return (await readSecret(code, { server: "crm", env: {}, ...context })).reveal();
}

/**
 * A program that records each run in a file, connects to the test, and prints the received text when the connection
 * ends.
 */
async function held(): Promise<{
  code: string;
  sockets: readonly Socket[];
  started(count: number): Promise<void>;
  runs(): Promise<number>;
}> {
  const sockets: Socket[] = [];
  const waiting = new Map<number, () => void>();
  const server = createServer((socket) => {
    socket.on("error", () => {}).resume();
    sockets.push(socket);
    waiting.get(sockets.length)?.();
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  // A listening TCP server has an address object.
  const { port } = server.address() as AddressInfo;
  const log = join(folder, "runs");
  const code =
    `require("node:fs").appendFileSync(${JSON.stringify(log)}, "x");` +
    `require("node:net").connect(${port}, "127.0.0.1").pipe(process.stdout);`;
  return {
    code,
    sockets,
    started: (count) =>
      sockets.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => void waiting.set(count, resolve)),
    runs: async () => (await readFile(log, "utf8")).length,
  };
}

describe("a command", () => {
  it("returns its output without one trailing newline", async () => {
    expect(await read(reference("console.log('p:ä '); console.error('x')"))).toBe("p:ä ");
    expect(await read(reference("process.stdout.write('a\\r\\n\\r\\n')"))).toBe("a\r\n");
  });

  it("returns the string at its pointer", async () => {
    const code = "console.log(JSON.stringify({ data: { 'client/secret': 's3cret\\n' } }))";
    expect(await read(reference(code, { pointer: "/data/client~1secret" }))).toBe("s3cret");
  });

  it("runs with the environment of the runtime, in the folder of the config", async () => {
    const code = "console.log(process.env.VAULT_ADDR, process.env.HOME, process.cwd())";
    expect(await read(reference(code), { env: { VAULT_ADDR: "https://vault.example" } })).toBe(
      `https://vault.example undefined ${folder}`,
    );
  });

  it("runs again for each read, so that a rotated secret is used", async () => {
    const code = reference("process.stdout.write(require('node:fs').readFileSync('value'))");
    await writeFile(join(folder, "value"), "old");
    expect(await read(code)).toBe("old");
    await writeFile(join(folder, "value"), "new");
    expect(await read(code)).toBe("new");
  });
});

describe("the error for a command without a secret", () => {
  const command = JSON.stringify(process.execPath);
  const says = (problem: string) =>
    `Server "crm": could not read the secret from the command ${command}: ${problem}`;

  it.each<[string, string, string]>([
    [
      "an exit code",
      "console.log('canary'); console.error('canary'); process.exit(4)",
      "it ended with exit code 4.",
    ],
    [
      "no output",
      "console.error('canary')",
      "it is empty. Provide the secret there, or name another place in the config.",
    ],
    [
      "only a newline",
      "console.log()",
      "it is empty. Provide the secret there, or name another place in the config.",
    ],
    [
      "bytes that are not text",
      "process.stdout.write(Buffer.from('canary\\xff', 'latin1'))",
      "its output is not text in UTF-8.",
    ],
    [
      "too much output",
      "process.stdout.write('canary'.repeat(200_000))",
      "it printed more than 1048576 bytes.",
    ],
  ])("names the command, without its arguments and output, and the reason: %s", async (_, code, problem) => {
    const error = await readFailureOf(reference(code), { env: {} });
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false, message: says(problem) });
  });

  it("names a command that does not exist, without its arguments", async () => {
    const error = await readFailureOf(
      { exec: ["./nowhere", "canary"], cwd: folder, timeout: 1_000 },
      { env: {} },
    );
    expect(error.message).toBe(
      'Server "crm": could not read the secret from the command "./nowhere": the command was not found, or its folder does not exist.',
    );
  });

  it("is retryable if the command exceeded its timeout", async () => {
    const { code, started } = await held();
    const clock = fakeClock();
    const failing = readFailureOf(reference(code, { timeout: 3_000 }), { env: {}, clock });
    await started(1);
    await clock.advance(3_000);
    expect(await failing).toMatchObject({
      code: "secret_unavailable",
      retryable: true,
      message: says("it did not end within 3000 ms."),
    });
  });

  it.each<[string, Omit<SecretContext, "server">]>([
    ["allowExec: false", { env: {}, permissions: createPermissions({ allowExec: false, environments: [] }) }],
    ["MCP_AUTH_ALLOW_EXEC=0", { env: { MCP_AUTH_ALLOW_EXEC: "0" } }],
  ])("says that commands are forbidden by %s, and the command does not run", async (_, context) => {
    const file = join(folder, "ran");
    const code = reference(`require("node:fs").writeFileSync(${JSON.stringify(file)}, "")`);
    expect(await readFailureOf(code, context)).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        "running commands is forbidden here, by `allowExec: false` or by MCP_AUTH_ALLOW_EXEC in the environment.",
      ),
    });
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("says why the config may not run commands", async () => {
    const allowed = createPermissions({ allowExec: true, environments: [] });
    const context = {
      env: { MCP_AUTH_ALLOW_EXEC: "1" },
      permissions: forbidCommands(allowed, "the reason."),
    };
    expect(await readFailureOf(reference("console.log('x')"), context)).toMatchObject({
      code: "secret_unavailable",
      message: says("the reason."),
    });
  });

  it("does not occur unless commands are forbidden", async () => {
    const context = { env: { MCP_AUTH_ALLOW_EXEC: "1" } };
    expect(await read(reference("console.log('x')"), context)).toBe("x");
  });
});

describe("concurrent callers of a command", () => {
  it("share one run, with any pointer, and later callers do not", async () => {
    const { code, sockets, started, runs } = await held();
    const env = {};
    const whole = read(reference(code), { env });
    const part = Array.from({ length: 20 }, () => read(reference(code, { pointer: "/a" }), { env }));
    await started(1);
    const late = read(reference(code, { pointer: "/b" }), { env, server: "other" });
    sockets[0]?.end('{"a":"1","b":"2"}\n');
    expect(await whole).toBe('{"a":"1","b":"2"}');
    expect(new Set(await Promise.all(part))).toEqual(new Set(["1"]));
    expect(await late).toBe("2");
    expect(await runs()).toBe(1);

    const next = read(reference(code), { env });
    await started(2);
    sockets[1]?.end("new");
    expect(await next).toBe("new");
    expect(await runs()).toBe(2);
  });

  it("do not share a run with another environment, folder or command", async () => {
    const { code, sockets, started } = await held();
    const env = {};
    const reads = [
      read(reference(code), { env }),
      read(reference(code), { env: {} }),
      read(reference(code, { cwd: tmpdir() }), { env }),
      read({ ...reference(code), exec: [process.execPath, "-e", code, "other"] }, { env }),
    ];
    await started(4);
    for (const socket of sockets) socket.end("x");
    expect(await Promise.all(reads)).toEqual(["x", "x", "x", "x"]);
  });

  it("share its failure, each with the name of its own server", async () => {
    const { code, sockets, started, runs } = await held();
    const env = {};
    const failing = `${code} process.exitCode = 5;`;
    const one = readFailureOf(reference(failing), { env });
    const other = readSecret(reference(failing), { env, server: "other" }).catch((error: unknown) => error);
    await started(1);
    sockets[0]?.end("canary");
    expect(await one).toMatchObject({ message: expect.stringContaining("exit code 5") });
    expect(await other).toMatchObject({
      server: "other",
      message: expect.stringMatching(/^Server "other": .*exit code 5/),
    });
    expect(await runs()).toBe(1);
  });

  it("can abort without ending the run for the others", async () => {
    const { code, sockets, started, runs } = await held();
    const env = {};
    const controller = new AbortController();
    const leaving = readFailureOf(reference(code), { env, signal: controller.signal });
    const staying = read(reference(code), { env });
    await started(1);
    controller.abort();
    expect(await leaving).toMatchObject({ code: "aborted", retryable: false });
    sockets[0]?.end("kept");
    expect(await staying).toBe("kept");
    expect(await runs()).toBe(1);
  });

  it("end the run when the last of them aborts, and the next caller starts another run", async () => {
    const { code, sockets, started } = await held();
    const env = {};
    const controllers = [new AbortController(), new AbortController()];
    const leaving = controllers.map(({ signal }) => readFailureOf(reference(code), { env, signal }));
    await started(1);
    const ended = deferred();
    sockets[0]?.on("close", () => ended.resolve());
    for (const controller of controllers) controller.abort();
    for (const error of await Promise.all(leaving)) expect(error.code).toBe("aborted");
    const next = read(reference(code), { env });
    await ended.promise;
    await started(2);
    sockets[1]?.end("fresh");
    expect(await next).toBe("fresh");
  });

  it("that are already aborted do not run it", async () => {
    const file = join(folder, "ran");
    const code = reference(`require("node:fs").writeFileSync(${JSON.stringify(file)}, "")`);
    const error = await readFailureOf(code, { env: {}, signal: AbortSignal.abort() });
    expect(error.message).toBe('Server "crm": the wait for its secret was aborted.');
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
