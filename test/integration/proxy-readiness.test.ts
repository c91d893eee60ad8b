import { expect, onTestFinished, test } from "vitest";
import { createProxy } from "../../src/proxy/create-proxy.js";
import { createTestRuntime } from "./harness.js";
import { ask, tokenConfig } from "./proxied.js";

test("the proxy is ready when it has tried to get tokens and a server can be used", async () => {
  const { config } = tokenConfig("http://127.0.0.1:1/mcp");
  const env: Record<string, string | undefined> = {};
  const auth = await createTestRuntime<string>({ config, env });
  let isStarted = false;
  const proxy = await createProxy(auth, { health: "127.0.0.1:0", isStarted: () => isStarted });
  onTestFinished(() => proxy.stop());
  const status = async () => (await ask(`${proxy.health}/-/ready`)).status;
  expect(await status()).toBe(503);
  isStarted = true;
  // No token was needed yet.
  expect(await status()).toBe(200);
  await auth.start();
  expect(await status()).toBe(503);
  env["TOKEN"] = "token-of-the-server";
  await auth.resolve("tools").getToken({ forceRefresh: true });
  expect(await status()).toBe(200);
  await auth.stop();
  expect(await status()).toBe(503);
});
