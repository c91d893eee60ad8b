// A process that cannot write files, as with a full disk, from the moment at which its refresh token was replaced.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { createMemoryStore } from "../../src/testing.js";
import { agentSecret, createTestRuntime, startScriptedIssuer } from "../integration/harness.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const dist = new URL("../../dist/index.js", import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** Starts an issuer that accepts each refresh token once, starting with `r0`, and returns the next one for it. */
async function rotatingIssuer(beforeAnswer: (request: number) => void = () => {}) {
  const seen: (string | null)[] = [];
  const issuer = await startScriptedIssuer((request, response) => {
    const token = new URLSearchParams(request.body).get("refresh_token");
    seen.push(token);
    if (token !== `r${seen.length - 1}`) return sendJson(response, { error: "invalid_grant" }, 400);
    beforeAnswer(seen.length);
    const next = { access_token: `t${seen.length}`, refresh_token: `r${seen.length}` };
    sendJson(response, { ...next, token_type: "Bearer", expires_in: 3_600 });
  });
  const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
  const tools = {
    url: issuer.url,
    grant: { type: "refresh_token", client, refreshToken: { env: "SEED" } },
  } as const;
  const env = { SECRET: agentSecret, SEED: "r0" };
  return { seen, env, config: { servers: { tools } } satisfies McpAuthConfig<"tools"> };
}

test("stop() keeps trying for five seconds to write a replaced refresh token", async () => {
  const clock = fakeClock(Date.now());
  const memory = createMemoryStore({ clock });
  let full = false;
  let tries = 0;
  const { seen, env, config } = await rotatingIssuer((request) => {
    if (request === 1) full = true;
  });
  const store = () => ({
    ...memory,
    encryptionKeys: false as const,
    async set(...args: Parameters<typeof memory.set>) {
      if (!full) return await memory.set(...args);
      tries += 1;
      throw Object.assign(new Error("hunter2"), { code: "ENOSPC" });
    },
    // The second runtime uses the same store.
    close: async () => {},
  });
  const auth = await createTestRuntime({ config, env, clock, store: store() });
  const call = rejectionOf(auth.resolve("tools").getAccessToken());
  // Lets the call retry until its deadline.
  while (seen.length === 0) await clock.settle();
  for (let second = 0; second < 40; second += 1) await clock.advance(1_000);
  const error = await call;
  expect(error).toMatchObject({ code: "store_unavailable", server: "tools", retryable: true });
  expect(error.message).toContain("cannot be used: no space is left (ENOSPC). Make room there.");
  expect(error.message).not.toMatch(/hunter2|deadline/);
  const before = tries;
  const stopped = auth.stop();
  for (let step = 0; step < 20; step += 1) await clock.advance(100);
  // A single last attempt would be two writes: one with the old lease and one with a new lease.
  expect(tries - before).toBeGreaterThanOrEqual(3);
  full = false;
  await clock.advance(1_500);
  await stopped;
  expect(clock.pending).toEqual([]);
  const later = await createTestRuntime({ config, env, clock, store: store() });
  expect(await later.resolve("tools").getAccessToken()).toBe("t2");
  expect(seen).toEqual(["r0", "r1"]);
});

/** Returns whether this process can change the limits of its children, which needs Linux with util-linux. */
function canLimit(): boolean {
  if (process.platform !== "linux") return false;
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.runIf(canLimit())(
  "a process that cannot write files reports the reason, and stop() writes the pending refresh token later",
  async () => {
    let child: ChildProcess | undefined;
    const limitFiles = (size: string): void => {
      execFileSync("prlimit", ["--pid", String(child?.pid), `--fsize=${size}:`]);
    };
    const { seen, env, config } = await rotatingIssuer((request) => {
      if (request === 2) limitFiles("0");
    });
    const folder = await temporaryFolder();
    const path = join(folder, "state");
    const store = { type: "file", path, encryptionKey: { env: "KEY" } } as const;
    const all = { ...env, KEY: randomBytes(32).toString("base64url") };
    const withStore = { ...config, store, defaults: { deadline: "10s", timeout: "10s" } } as const;
    const source = `
      import { createMcpAuth } from ${JSON.stringify(dist.href)};
      const auth = await createMcpAuth({ config: ${JSON.stringify(withStore)} });
      const tools = auth.resolve("tools");
      await tools.getAccessToken();
      const { code, message } = await tools.getAccessToken({ forceRefresh: true }).catch((error) => error);
      process.send({ code, message });
      const stopped = auth.stop();
      process.send("stopping");
      await stopped;
      process.disconnect();
    `;
    child = spawn(process.execPath, ["--input-type=module", "-e", source], {
      cwd: root,
      env: { ...process.env, ...all },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    onTestFinished(() => void child?.kill("SIGKILL"));
    const ended = once(child, "exit");
    const [reported] = await Promise.race([once(child, "message"), ended]);
    expect(reported).toEqual({
      code: "store_unavailable",
      message:
        `Server "tools": the store of the config, ${path}, cannot be used: this process may not write a file of that size ` +
        "(EFBIG). Raise its limit for the size of a file (ulimit -f).",
    });
    expect((await Promise.race([once(child, "message"), ended]))[0]).toBe("stopping");
    limitFiles("unlimited");
    expect((await ended)[0]).toBe(0);
    const later = await createTestRuntime({ config: { ...config, store }, env: all });
    expect(await later.resolve("tools").getAccessToken({ forceRefresh: true })).toBe("t3");
    expect(seen).toEqual(["r0", "r1", "r2"]);
  },
);
