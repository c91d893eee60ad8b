// Processes that are killed at critical moments.
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { refreshTokenKey } from "../../src/sharing/refresh-token-entry.js";
import { createFileStore } from "../../src/stores/file.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import { agentSecret, sendToken, startScriptedIssuer } from "../integration/harness.js";
import { startRedis } from "../support/redis-server.js";
import { family } from "./family.js";
import { recordFigure } from "./figures.js";
import { advanceRedis, startFleet } from "./fleet.js";

const agent = fileURLToPath(new URL("agent.mjs", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mcp-auth-kills-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

test("another process requests the token within the lease time after the holder of the lease was killed", async () => {
  const lease = 60_000;
  let isHeld = true;
  const issuer = await startScriptedIssuer((_request, response) => {
    // The first request is never answered.
    if (!isHeld) sendToken(response, "after");
  });
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const store = {
    ...{ type: "redis", url: { env: "REDIS_URL" }, lease: `${lease}ms` },
    encryptionKey: { env: "STORE_KEY" },
  };
  const env = { SECRET: agentSecret, REDIS_URL: redis.url, STORE_KEY: randomBytes(32).toString("base64url") };
  const config = { ...issuer.config, store, defaults: { timeout: "1m", deadline: "5m" } };
  const first = fork(agent, { env: { ...process.env, ...env, FLEET_CONFIG: JSON.stringify(config) } });
  await once(first, "message");
  first.send("start");
  await issuer.receivedTokenRequests(1);
  const others = await startFleet(5, config, env);
  onTestFinished(() => others.kill());
  const started = others.start();
  isHeld = false;
  const killed = once(first, "exit");
  first.kill("SIGKILL");
  await killed;
  // The clocks stop before the lease ends, so a later takeover would never happen.
  for (let tenths = 1; tenths <= 9; tenths += 1) {
    await advanceRedis(redis, lease / 10);
    await others.advance(lease / 10);
  }
  await started;
  const reports = await others.report();
  expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
  expect(issuer.tokenRequests().length).toBe(2);
});

test("200 processes that are killed while they write refresh tokens to files leave no unreadable entry and lose no token", async () => {
  const lanes = 20;
  const kills = 200;
  // In this folder the script finds the packages that it imports.
  const script = fileURLToPath(new URL("../../node_modules/.cache/mcp-auth-writer.mjs", import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL("writer.ts", import.meta.url))],
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
  });
  const key = new Secret(randomBytes(32).toString("base64url"));
  const outcomes = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const path = join(folder, `lane-${lane}`);
      let [written, interrupted] = [0, 0];
      for (let round = 0; round < kills / lanes; round += 1) {
        const acknowledged = await writeUntilKilled(script, [path, key.reveal()]);
        const files = createFileStore({ path });
        const store = new SharedStore({ store: files, keys: async () => [key], lease: 2_500 });
        const found = await store.read(refreshTokenKey(family));
        await store.close();
        const text = found.kind === "value" ? found.text : found.kind;
        const latest = Number(/^\{"v":1,"refreshToken":"token-(\d+)"/.exec(text)?.[1] ?? Number.NaN);
        expect(latest, text).toBeGreaterThanOrEqual(Math.max(acknowledged, written));
        if (text.includes("redeeming") || latest > acknowledged) interrupted += 1;
        written = latest;
      }
      const names = await readdir(path, { recursive: true });
      expect(names.filter((name) => name.endsWith("unreadable"))).toEqual([]);
      return { written, interrupted };
    }),
  );
  const writes = outcomes.reduce((sum, { written }) => sum + written, 0);
  expect(writes).toBeGreaterThanOrEqual(kills);
  recordFigure("kills while refresh tokens are written to files", kills);
  recordFigure("refresh tokens written before those kills", writes);
  recordFigure(
    "kills in the middle of a redemption",
    outcomes.reduce((sum, one) => sum + one.interrupted, 0),
  );
});

/**
 * Runs a process that redeems one token after another, and kills it at a random moment. Returns the last token that it
 * confirmed.
 */
async function writeUntilKilled(script: string, args: readonly string[]): Promise<number> {
  const child: ChildProcess = fork(script, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let acknowledged = 0;
  child.on("message", (number) => {
    acknowledged = Number(number);
  });
  const ended = once(child, "exit");
  // After the first message it writes all the time.
  await Promise.race([
    once(child, "message"),
    ended.then(() => Promise.reject(new Error("The writer did not start."))),
  ]);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 250));
  child.kill("SIGKILL");
  await ended;
  return acknowledged;
}

test("the files of a store contain no token in plain text, base64 or hex", async () => {
  const canary = `canary-${randomBytes(12).toString("hex")}`;
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, canary));
  const path = join(folder, "scanned");
  const store = { type: "file", path, encryptionKey: { env: "STORE_KEY" } };
  const env = { SECRET: agentSecret, STORE_KEY: randomBytes(32).toString("base64url") };
  const fleet = await startFleet(3, { ...issuer.config, store }, env);
  onTestFinished(() => fleet.kill());
  await fleet.start();
  await fleet.report();
  expect(issuer.tokenRequests().length).toBe(1);
  const texts: string[] = [];
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name);
    texts.push(name);
    if (entry.isFile()) texts.push(await readFile(name, "latin1"));
  }
  const forms = [
    canary,
    Buffer.from(canary).toString("base64"),
    Buffer.from(canary).toString("hex"),
    agentSecret,
  ];
  expect(texts.join("\n").length).toBeGreaterThan(500);
  for (const form of forms) expect(texts.join("\n")).not.toContain(form);
});
