// Tests that a program with the built package ends when it has nothing left to do.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { sendToken, startScriptedIssuer, startWorld, type World } from "../integration/harness.js";
import { hangLimit } from "../support/hang-limit.js";

const dist = new URL("../../dist/index.js", import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

// Tokens live an hour here, and servers answer immediately. A program that waits for a longer timer waits for something
// that nobody needs.
const longestNeeded = 5_000;

/** Runs a module in which `auth` is a runtime for the config. */
async function program(world: Pick<World, "env">, config: object, body: string): Promise<Ended> {
  const source = `
    const original = globalThis.setTimeout;
    globalThis.setTimeout = (callback, milliseconds, ...args) => original(() => {
      if (milliseconds > ${longestNeeded}) console.log("waited for a timer of " + milliseconds + " ms");
      callback(...args);
    }, milliseconds);
    const { createMcpAuth } = await import(${JSON.stringify(dist.href)});
    const auth = await createMcpAuth({ config: ${JSON.stringify(config)} });
    ${body}
    console.log("end of program");
  `;
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: root,
    env: { ...process.env, ...world.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const limit = setTimeout(() => child.kill("SIGKILL"), hangLimit);
  const [code, signal] = await new Promise<[Ended["code"], Ended["signal"]]>((resolve) =>
    child.once("close", (...end) => resolve(end)),
  );
  clearTimeout(limit);
  return { code, signal, output: Buffer.concat(chunks).toString() };
}

const schedule = { refresh: { schedule: "*/1 * * * * *" } };

describe("the end of a program", () => {
  test.each([
    ["without start() and without a call", "", 0, {}],
    ["after a token, without start()", `await auth.resolve("tools").getAccessToken();`, 1, {}],
    ["after start()", "await auth.start();", 1, {}],
    ["after start() with a schedule of every second", "await auth.start();", 1, schedule],
    [
      "after a token with a schedule, without start()",
      `await auth.resolve("tools").getAccessToken();`,
      1,
      schedule,
    ],
    ["after start() that it does not await", "auth.start();", 1, {}],
    ["after start() and stop()", "await auth.start(); await auth.stop();", 1, schedule],
    [
      "after calls through fetch",
      `const tools = auth.resolve("tools");
       for (let call = 0; call < 3; call++) await (await tools.fetch(tools.url)).text();`,
      1,
      schedule,
    ],
    ["with listeners on events", `auth.on("token:renewed", () => {}); await auth.start();`, 1, schedule],
  ])("a program ends by itself %s", async (_, body, requests, defaults) => {
    const world = await startWorld();
    const ended = await program(world, { ...world.config, defaults }, body);
    expect(ended).toMatchObject({ code: 0, signal: null, output: "end of program\n" });
    // The schedule may have requested more tokens on a slow machine.
    if (defaults === schedule) expect(world.issuer.tokensIssued).toBeGreaterThanOrEqual(requests);
    else expect(world.issuer.tokensIssued).toBe(requests);
  });

  test("a program ends by itself after start() that failed, and the package prints nothing", async () => {
    const world = await startWorld();
    const body = `const [failure] = await auth.start(); console.log(failure.code, failure.oauthError);`;
    const ended = await program({ env: { SECRET: "wrong" } }, world.config, body);
    expect(ended).toMatchObject({
      code: 0,
      output: "token_request_rejected invalid_client\nend of program\n",
    });
  });

  test("a program ends by itself after a background renewal that timed out", async () => {
    const issuer = await startScriptedIssuer((_request, response) => {
      if (issuer.tokenRequests().length === 1) sendToken(response, "t", 2);
    });
    const defaults = { ...schedule, timeout: "2s", retry: { attempts: 1 } };
    const body = `
      await auth.start();
      const failed = new Promise((done) => auth.on("token:failed", done));
      const wait = setInterval(() => {}, 1000);
      const { code, reason } = await failed;
      clearInterval(wait);
      console.log(code, reason === "expiry" || reason === "schedule");`;
    const ended = await program(issuer, { ...issuer.config, defaults }, body);
    expect(ended).toMatchObject({ code: 0, output: "timeout true\nend of program\n" });
    expect(issuer.tokenRequests().length).toBeGreaterThanOrEqual(2);
  });

  test("a program does not end while it waits for a token request that is retried", async () => {
    const issuer = await startScriptedIssuer((_request, response) => {
      if (issuer.tokenRequests().length < 3) return void response.writeHead(503).end();
      return sendToken(response, "t3");
    });
    const config = { ...issuer.config, defaults: { retry: { min: "100ms", max: "200ms" } } };
    const ended = await program(issuer, config, `console.log(await auth.resolve("tools").getAccessToken());`);
    expect(ended).toMatchObject({ code: 0, output: "t3\nend of program\n" });
  });
});
