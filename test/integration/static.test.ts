// Static tokens, which something else provides and replaces.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestManager, createTestRuntime, recordEvents, startScriptedServer } from "./harness.js";
import { measureFakeSeconds } from "./measure-fake-seconds.js";

/** Starts a server that accepts some tokens, with a config that reads a token from a file. */
async function tokenFileWorld(good: readonly string[]) {
  const folder = await temporaryFolder();
  const file = join(folder, "token");
  const accepted = new Set(good.map((token) => `Bearer ${token}`));
  const server = await startScriptedServer((request, response) => {
    const status = accepted.has(request.headers.authorization ?? "") ? 200 : 401;
    sendJson(response, { status }, status, status === 401 ? { "www-authenticate": "Bearer" } : {});
  });
  const url = `${server.origin}/mcp`;
  const sent = () => server.requests.map(({ headers }) => headers.authorization?.replace("Bearer ", ""));
  const put = (token: string) => writeFile(file, token, { mode: 0o600 });
  const config = { servers: { tools: { url, grant: { type: "static" as const, token: { file } } } } };
  return { server, file, url, put, sent, config, env: {}, accepted };
}

describe("a static token", () => {
  test("a static token is sent unchanged, and no metadata is requested", async () => {
    const world = await tokenFileWorld(["one"]);
    await world.put("one\n");
    const { manager } = await createTestManager(world);
    expect((await manager.fetch(world.url)).status).toBe(200);
    expect(world.server.requests.map(({ url }) => url)).toEqual(["/mcp"]);
    expect(await manager.getToken()).toMatchObject({ accessToken: "one", issuer: undefined });
  });

  test("a static token that was replaced in its file is read again after a 401, and the call succeeds", async () => {
    const world = await tokenFileWorld(["one"]);
    await world.put("one");
    const { auth, manager } = await createTestManager(world);
    const heard = recordEvents(auth);
    await manager.fetch(world.url);
    world.accepted.clear();
    world.accepted.add("Bearer two");
    await world.put("two");
    expect((await manager.fetch(world.url, { method: "POST", body: "x" })).status).toBe(200);
    expect(world.sent()).toEqual(["one", "one", "two"]);
    expect(heard.map(({ event, reason, issuer }) => [event, reason, issuer])).toEqual([
      ["token:warning", "demand", undefined],
      ["token:renewed", "demand", undefined],
      ["token:rejected", "rejected", undefined],
      ["token:warning", "rejected", undefined],
      ["token:renewed", "rejected", undefined],
    ]);
  });

  test("a static token that has not changed after a 401 is not sent again", async () => {
    const world = await tokenFileWorld([]);
    await world.put("one");
    const { manager } = await createTestManager(world);
    const response = await manager.fetch(world.url);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ status: 401 });
    expect(world.sent()).toEqual(["one"]);
  });

  test("a static token is read again after every refused call, without a limit", async () => {
    const world = await tokenFileWorld(["good"]);
    await world.put("bad");
    const { clock, fetch } = liveClock();
    const { manager } = await createTestManager(world, { clock, fetch });
    for (let call = 0; call < 8; call += 1) expect((await manager.fetch(world.url)).status).toBe(401);
    await world.put("good");
    expect((await manager.fetch(world.url)).status).toBe(200);
  });

  test("a static token that is missing after a 401 causes an event and an error in the status", async () => {
    const world = await tokenFileWorld(["one"]);
    await world.put("one");
    const { clock, fetch, advance } = liveClock();
    const { auth, manager } = await createTestManager(world, { clock, fetch });
    const failed: unknown[] = [];
    auth.on("token:failed", ({ code }) => failed.push(code));
    await manager.fetch(world.url);
    world.accepted.clear();
    await world.put("");
    let response: Response | undefined;
    const call = async () => {
      response = await manager.fetch(world.url);
    };
    // The file is read several times, because something may be writing it. Other reads of it take as long.
    await measureFakeSeconds({ clock, advance }, call, () => readFile(world.file));
    expect(response?.status).toBe(401);
    expect(new Set(failed)).toEqual(new Set(["secret_unavailable"]));
    expect(manager.status().lastError).toMatchObject({ code: "secret_unavailable", server: "tools" });
  });

  async function signed(iat: number, exp: number): Promise<string> {
    const jwt = new SignJWT({ iat, exp }).setProtectedHeader({ alg: "HS256" });
    return await jwt.sign(new TextEncoder().encode("x".repeat(32)));
  }

  test("a static token that is a JWT expires at its `exp`, even with a longer configured lifetime", async () => {
    const world = await tokenFileWorld([]);
    const now = Math.floor(Date.now() / 1_000);
    // Issued forty minutes ago, for an hour.
    await world.put(await signed(now - 2_400, now + 1_200));
    const { tools } = world.config.servers;
    const lasting = { servers: { tools: { ...tools, grant: { ...tools.grant, lifetime: "10h" } } } };
    for (const config of [world.config, lasting]) {
      const { clock, fetch } = liveClock(now * 1_000);
      const { manager } = await createTestManager({ config, env: {} }, { clock, fetch });
      expect((await manager.getToken()).expiresAt).toBe((now + 1_200) * 1_000);
    }
  });

  test("an expired static JWT is read again by each call and is still returned", async () => {
    const world = await tokenFileWorld([]);
    const now = Math.floor(Date.now() / 1_000);
    const [old, fresh] = [await signed(now - 7_200, now - 3_600), await signed(now, now + 3_600)];
    await world.put(old);
    const { clock } = liveClock(now * 1_000);
    const { auth, manager } = await createTestManager(world, { clock });
    const warnings: unknown[] = [];
    auth.on("token:warning", ({ expiresAt }) => warnings.push(expiresAt));
    expect(await manager.getAccessToken()).toBe(old);
    expect(manager.status().state).toBe("expired");
    expect(warnings).toEqual([now * 1_000]);
    await world.put(fresh);
    expect(await manager.getAccessToken()).toBe(fresh);
    expect(manager.status().state).toBe("fresh");
    expect(warnings).toHaveLength(1);
  });

  test("a static token with a configured lifetime is read again ahead of its expiry", async () => {
    const world = await tokenFileWorld([]);
    await world.put("one");
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, grant: { ...tools.grant, lifetime: "1h" } } } };
    const { clock } = liveClock();
    const { auth, manager } = await createTestManager({ config, env: {} }, { clock });
    const { expiresAt } = await manager.getToken();
    expect(expiresAt).toBe(clock.now() + 3_600_000);
    await world.put("two");
    await clock.advance(3_280_000);
    const renewed = new Promise((resolve) => auth.on("token:renewed", resolve));
    expect(await manager.getAccessToken()).toBe("one");
    await renewed;
    await clock.settle();
    expect(await manager.getAccessToken()).toBe("two");
  });

  test.each([
    ["starts with Bearer", "Bearer one"],
    ["contains a line break", "one\ntwo"],
    ["contains characters that are not allowed in a header", "тайна"],
  ])("a static token that %s is secret_unavailable and is not shown", async (_, text) => {
    const auth = await createTestRuntime({
      config: {
        servers: {
          tools: { url: "http://127.0.0.1:1/mcp", grant: { type: "static", token: { env: "TOKEN" } } },
        },
      },
      env: { TOKEN: text },
    });
    const error = await rejectionOf(auth.resolve("tools").getAccessToken());
    expect(error).toMatchObject({ code: "secret_unavailable", server: "tools" });
    expect(error.message).not.toContain("one");
    expect(error.message).not.toContain("тайна");
  });
});
