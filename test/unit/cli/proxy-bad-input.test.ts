import { chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { internalsOfAuth, stateOf } from "../../../src/proxy/create-proxy.js";
import { startProxy } from "../../../src/proxy.js";
import { startHttpServer } from "../../support/http-server.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { command, project } from "./command.js";

const grant = { type: "static", token: { env: "TOKEN" } };
const configOf = (proxy?: object) =>
  JSON.stringify({ servers: { crm: { url: "https://crm.example/mcp", grant } }, ...(proxy && { proxy }) });

async function setUp(proxy?: object) {
  const cwd = await project({ "mcp-auth.config.json": configOf(proxy) });
  const env = { TOKEN: "token-of-the-server", XDG_STATE_HOME: await temporaryFolder(), LOCAL: "short" };
  return { cwd, env };
}

/** Runs a command that must fail. Returns the one line on stderr. */
async function failure(
  argv: readonly string[],
  around: Awaited<ReturnType<typeof setUp>>,
  code = 2,
): Promise<string> {
  // It would run until it is interrupted. So it ends at once if it does not fail.
  const result = await command(argv, { ...around, signal: AbortSignal.timeout(60_000) });
  expect([argv, result.code]).toEqual([argv, code]);
  // With --json, a script gets the same message.
  if (argv.includes("--json")) expect(JSON.parse(result.out)).toHaveProperty("error.message");
  else expect(result.out).toBe("");
  const line = result.err.trimEnd();
  expect(line.split("\n")).toEqual([line]);
  expect(line).not.toContain(around.env.TOKEN);
  return line;
}

async function usedPort(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
  return address.port;
}

describe("proxy", () => {
  test("a port in use is refused with the process that uses it and what to write instead", async () => {
    const [around, port] = [await setUp(), await usedPort()];
    const line = await failure(["proxy", "--listen", `127.0.0.1:${port}`], around);
    expect(line).toContain("--listen 127.0.0.1:0");
    if (process.platform === "linux") expect(line).toContain(`process ${process.pid} (`);
    const health = await failure(
      ["proxy", "--listen", "127.0.0.1:0", "--health", `127.0.0.1:${port}`],
      around,
    );
    expect(health).toContain("--health 127.0.0.1:0");
  });

  test.skipIf(process.platform === "win32")("a socket in use or in an open folder is refused", async () => {
    const around = await setUp();
    const folder = join(await temporaryFolder(), "own");
    await mkdir(folder, { mode: 0o700 });
    const path = join(folder, "s");
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    expect(await failure(["proxy", "--socket", path], around)).toContain("another program listens on it");
    await chmod(folder, 0o755);
    expect(await failure(["proxy", "--socket", path], around)).toContain(`chmod 700 ${folder}`);
  });

  test("an unknown server is refused with the ones that exist", async () => {
    const around = await setUp();
    for (const argv of [
      ["proxy", "crn"],
      ["proxy", "--print", "vscode", "crn"],
      ["proxy", "--stdio", "crn"],
    ]) {
      expect(await failure(argv, around)).toContain('"crm"');
    }
  });

  test.each(["0.0.0.0:8484", "[::]:8484", "192.0.2.1:8484", "169.254.1.1:1"])(
    "--listen %s is refused, because other machines could use the servers",
    async (address) => {
      const line = await failure(["proxy", "--listen", address], await setUp());
      expect(line).toContain("127.0.0.1");
      expect(line).toContain("every machine that reaches it");
      const { code, out, err } = await command(["proxy"], await setUp({ listen: address }));
      expect([code, out]).toEqual([2, ""]);
      expect(err).toMatch(/\/proxy\/listen: Must be 127\.0\.0\.1 or /);
    },
  );

  test.each([
    "localhost:1",
    "127.0.0.1",
    "8484",
    "127.1:1",
    "127.0.0.1:65536",
    "127.0.0.1:x",
    "\u001b[31m:1",
    "",
  ])("--listen %j is refused with an example", async (address) => {
    for (const option of ["--listen", "--health"]) {
      const line = await failure(["proxy", `${option}=${address}`], await setUp());
      expect(line).toContain(`${option} 127.0.0.1:8484`);
      expect(line).not.toContain("\u001b");
    }
  });

  test("a local token with too few bits is refused, in the config and as an option, and not shown", async () => {
    const around = await setUp({ token: { env: "LOCAL" } });
    for (const [token, problem] of [
      ["0123456789abcdef", "128 random bits"],
      ["a local token with spaces, 0123456789", "characters"],
    ] as const) {
      const env = { ...around.env, LOCAL: token };
      for (const argv of [
        ["proxy", "--listen", "127.0.0.1:0"],
        ["proxy", "--print", "vscode"],
      ]) {
        const line = await failure(argv, { ...around, env });
        expect(line).toContain(problem);
        expect(line).not.toContain(token);
      }
      const auth = await createMcpAuth({ ...(await setUp()), env });
      onTestFinished(() => auth.stop());
      const error = await rejectionOf(startProxy(auth, { token }));
      expect(error.code).toBe("config_invalid");
      expect(error.message).toContain(problem);
      expect(error.message).not.toContain(token);
    }
  });

  test("a local token of the config that cannot be read is refused", async () => {
    const line = await failure(["proxy"], await setUp({ token: { env: "NOT_THERE" } }));
    expect(line).toContain("NOT_THERE");
  });

  test("--print of an unknown host is refused with the known ones", async () => {
    const around = await setUp();
    for (const host of ["emacs", "__proto__", "constructor", "VSCode", ""]) {
      const line = await failure(["proxy", `--print=${host}`], around);
      expect(line).toContain("vscode, cursor");
    }
  });

  test("--stdio takes no other option and no second server", async () => {
    const around = await setUp();
    for (const more of [
      ["crm"],
      ["--listen", "127.0.0.1:0"],
      ["--socket", "s"],
      ["--print", "vscode"],
      ["--new-token"],
      ["--any-user"],
    ])
      expect(await failure(["proxy", "--stdio", "crm", ...more], around)).toContain(
        "--stdio takes one server",
      );
  });

  test("--new-token does not replace a token of the config", async () => {
    const around = await setUp({ token: { env: "LOCAL" } });
    for (const argv of [
      ["proxy", "--new-token"],
      ["proxy", "--print", "vscode", "--new-token"],
    ])
      expect(await failure(argv, around)).toContain('"token" under "proxy"');
  });

  test("--print with port 0 is refused unless the proxy runs", async () => {
    const line = await failure(["proxy", "--print", "vscode", "--listen", "127.0.0.1:0"], await setUp());
    expect(line).toContain("name a port");
  });
});

/** Makes `status` find a proxy at this address, or on a socket. Returns its operating token. */
async function noteProxy(
  around: Awaited<ReturnType<typeof setUp>>,
  origin: string | undefined,
): Promise<string> {
  const auth = await createMcpAuth(around);
  onTestFinished(() => auth.stop());
  const state = stateOf(internalsOfAuth(auth));
  const place = origin === undefined ? { socket: "/nowhere/proxy.sock" } : { origin };
  await state.noteRunning({ pid: process.pid, ...place });
  return await state.token("operating");
}

describe("status", () => {
  test("without a proxy, status ends with code 4 and says how to start one", async () => {
    const around = await setUp();
    expect(await failure(["status"], around, 4)).toContain("Start it: npx mcp-auth-runtime proxy");
    expect(await failure(["status", "--json"], around, 4)).toContain("No proxy of this config is running");
    expect(await failure(["status", "crm"], around)).toContain("--config FILE");
  });

  test("the exit code is 4 while the proxy is not ready, and a refused token is shown beside the state", async () => {
    const around = await setUp();
    const server = { server: "crm", state: "fresh", expiresAt: 1, rejectedAt: 2 };
    let ready = true;
    const { origin, close } = await startHttpServer(
      (_request, response) => void response.end(JSON.stringify({ ready, startedAt: 1, servers: [server] })),
    );
    onTestFinished(() => close());
    await noteProxy(around, origin);
    const { code, out } = await command(["status"], around);
    expect([code, out]).toEqual([0, expect.stringMatching(/is ready[\s\S]*\ncrm +fresh, refused /)]);
    expect(JSON.parse((await command(["status", "--json"], around)).out)).toMatchObject({
      servers: [server],
    });
    ready = false;
    for (const argv of [["status"], ["status", "--json"]]) expect((await command(argv, around)).code).toBe(4);
    expect((await command(["status"], around)).out).toContain("is not ready");
  });

  test("--url prints the address of the status page with the operating token in the fragment, and nothing else", async () => {
    const around = await setUp();
    const { origin, close } = await startHttpServer((_request, response) => void response.end());
    onTestFinished(() => close());
    const token = await noteProxy(around, origin);
    expect(await command(["status", "--url"], around)).toMatchObject({
      ...{ code: 0, out: `${origin}/-/status#${token}\n`, err: "" },
    });
    expect(await failure(["status", "--url", "--json"], around)).toContain("exclude each other");
    await noteProxy(around, undefined);
    expect(await failure(["status", "--url"], around)).toContain("a browser cannot open");
  });

  test("when another program answers on the port, status prints nothing of it", async () => {
    const around = await setUp();
    let answer = "";
    let code = 200;
    const server = await startHttpServer((_request, response) => void response.writeHead(code).end(answer));
    onTestFinished(() => server.close());
    const auth = await createMcpAuth(around);
    onTestFinished(() => auth.stop());
    const state = stateOf(internalsOfAuth(auth));
    await state.token("operating");
    await state.noteRunning({ pid: process.pid, origin: server.origin });
    const row = { server: "evil\u001b[31m", state: "evil" };
    const status = { ready: true, startedAt: 1, servers: [row] };
    const answers = [
      ...["evil", "", "[]", "null", "{}", '{"servers":"evil"}', '{"servers":[]}'],
      ...[
        { servers: [row] },
        { ...status, startedAt: 1e300 },
        { ...status, startedAt: "evil" },
        { ...status, ready: "evil" },
      ],
      ...[
        null,
        1,
        "evil",
        {},
        { server: "evil" },
        { ...row, expiresAt: "evil" },
        { ...row, lastError: "evil" },
      ].map((each) => ({ ...status, servers: [each] })),
    ].map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
    for (answer of answers) {
      for (const argv of [["status"], ["status", "--json"]]) {
        const line = await failure(argv, around, 4);
        expect(line).toContain("another program answers there");
        expect(line).not.toContain("evil");
      }
    }
    for (code of [404, 302, 401, 500])
      expect(await failure(["status"], around, 4)).toContain(`status ${code}`);
    // What looks like a proxy may still contain what a terminal obeys.
    [code, answer] = [200, JSON.stringify(status)];
    const { out } = await command(["status"], around);
    expect(out).toContain("evil\\u001b[31m");
    expect(out).not.toContain("\u001b");
  });
});
