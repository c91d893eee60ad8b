// Refusals after which the call cannot be sent again, or after which there is no new token.
import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { recordEvents, sendToken, startScriptedIssuer } from "./harness.js";
import {
  createLiveManager,
  startRefusingProxy,
  statusOf,
  toolCall,
  toolIn,
  unauthorized,
} from "./refusing-proxy.js";

/** Returns the config without retries of token requests. */
const withoutRetries = (config: McpAuthConfig<"tools">): McpAuthConfig<"tools"> => ({
  ...config,
  defaults: { retry: { attempts: 1 } },
});

describe("a body that cannot be sent again", () => {
  const streamed = (init: RequestInit): RequestInit & { duplex: "half" } => ({
    ...init,
    body: new Blob([String(init.body)]).stream(),
    duplex: "half",
  });

  test("a call with a stream body gets its 401, the token is replaced, and the next call succeeds", async () => {
    const world = await startRefusingProxy(() => false);
    const { manager, advance } = await createLiveManager(world);
    expect(await statusOf(manager, streamed(toolCall("echo")))).toBe(200);
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    expect(await statusOf(manager, streamed(toolCall("echo")))).toBe(401);
    await advance(0);
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(await statusOf(manager, streamed(toolCall("echo")))).toBe(200);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("refused calls with stream bodies send no more token requests than the allowance, and cause no warning", async () => {
    const world = await startRefusingProxy((_request, response) => unauthorized(response));
    const { auth, manager, advance } = await createLiveManager(world);
    const warned: unknown[] = [];
    auth.on("token:warning", (event) => warned.push(event));
    await manager.getToken();
    const statuses = await Promise.all(
      Array.from({ length: 10 }, () => statusOf(manager, streamed(toolCall("echo")))),
    );
    expect(new Set(statuses)).toEqual(new Set([401]));
    await advance(0);
    expect(world.issuer.tokenRequests).toHaveLength(2);
    for (let second = 1; second < 60; second += 1) {
      await statusOf(manager, streamed(toolCall("echo")));
      await advance(1_000);
    }
    expect(world.issuer.tokenRequests.length - 1).toBeLessThanOrEqual(11);
    expect(warned).toEqual([]);
  });

  test("calls with text, bytes or a blob are sent again after a 401, and a `Request` is not", async () => {
    const world = await startRefusingProxy(() => false);
    const { manager, advance } = await createLiveManager(world);
    const revoke = () => world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
    const { body, ...init } = toolCall("echo");
    const bytes = new TextEncoder().encode(String(body));
    await manager.getToken();
    for (const again of [String(body), bytes, bytes.buffer, new Blob([bytes])]) {
      revoke();
      expect(await statusOf(manager, { ...init, body: again })).toBe(200);
      // Lets the allowance recover.
      await advance(10_000);
    }
    expect(world.issuer.tokenRequests).toHaveLength(5);
    revoke();
    const response = await manager.fetch(new Request(manager.url, toolCall("echo")));
    await response.body?.cancel();
    expect(response.status).toBe(401);
    await advance(0);
    expect(world.issuer.tokenRequests).toHaveLength(6);
    expect(await statusOf(manager, toolCall("echo"))).toBe(200);
    expect(world.issuer.tokenRequests).toHaveLength(6);
  });
});

describe("an authorization server without a new token", () => {
  /** Starts a server that accepts only `accepted`, and an authorization server whose responses the test decides. */
  async function deciding(answer: (count: number) => string | number) {
    let accepted = "t1";
    let count = 0;
    const issuer = await startScriptedIssuer(
      (_request, response) => {
        count += 1;
        const decided = answer(count);
        if (typeof decided === "string") return sendToken(response, decided);
        const error = decided === 503 ? "temporarily_unavailable" : "invalid_client";
        sendJson(response, { error }, decided);
      },
      ({ headers, body }, response) => {
        if (toolIn(body) !== "jira" && headers.authorization === `Bearer ${accepted}`)
          return sendJson(response, {});
        unauthorized(response);
      },
    );
    const live = await createLiveManager(issuer, { config: withoutRetries(issuer.config) });
    const accept = (token: string): void => {
      accepted = token;
    };
    return { ...live, accept, requests: () => count, heard: recordEvents(live.auth) };
  }

  test("an authorization server that returns the same token gets one request per hold, and other calls keep using the token", async () => {
    const { manager, advance, requests } = await deciding(() => "t1");
    for (let second = 0; second < 60; second += 1) {
      expect(await statusOf(manager, toolCall("jira"))).toBe(401);
      expect(await statusOf(manager, toolCall("ping"))).toBe(200);
      await advance(1_000);
    }
    expect(requests()).toBe(1 + 6);
  });

  test("an authorization server that refuses the replacement leaves the 401 unchanged, and other calls keep the current token", async () => {
    const { manager, advance, requests, heard } = await deciding((count) => (count === 1 ? "t1" : 401));
    for (let second = 0; second < 60; second += 1) {
      const response = await manager.fetch(manager.url, toolCall("jira"));
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([
        401,
        'Bearer error="invalid_token"',
      ]);
      await response.body?.cancel();
      expect(await statusOf(manager, toolCall("ping"))).toBe(200);
      await advance(1_000);
    }
    expect(requests()).toBe(1 + 6);
    const failed = heard.filter(({ event }) => event === "token:failed");
    expect(failed).toHaveLength(6);
    expect(failed[0]).toMatchObject({
      reason: "rejected",
      code: "token_request_rejected",
      oauthError: "invalid_client",
    });
    expect(manager.status()).toMatchObject({ state: "fresh", lastError: { oauthError: "invalid_client" } });
  });

  test("an authorization server that is down leaves the 401 unchanged, and a call after the outage and the hold succeeds", async () => {
    let isDown = false;
    const { manager, accept, advance, requests } = await deciding((count) => (isDown ? 503 : `t${count}`));
    expect(await statusOf(manager, toolCall("ping"))).toBe(200);
    accept("t9");
    isDown = true;
    for (let second = 0; second < 8; second += 1) {
      expect(await statusOf(manager, toolCall("ping"))).toBe(401);
      await advance(1_000);
    }
    // At 0, 1, 3 and 7 s.
    expect(requests()).toBe(1 + 4);
    isDown = false;
    accept("t6");
    await advance(7_000);
    expect(await statusOf(manager, toolCall("ping"))).toBe(200);
    expect(requests()).toBe(6);
  });
});
