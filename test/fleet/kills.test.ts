// Processes that are killed at the worst moments.
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createFileStore } from "../../src/stores/file.js";
import { agentSecret, ownIssuer, sendToken } from "../integration/harness.js";
import { startRedis } from "../support/redis-server.js";
import { figure } from "./figures.js";
import { startFleet } from "./fleet.js";

const agent = fileURLToPath(new URL("agent.mjs", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mcp-auth-kills-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

test("a process that is killed while it holds the lease is overtaken within the lease time", async () => {
  const lease = 2_000;
  let held = true;
  const issuer = await ownIssuer((_request, response) => {
    // The first request is never answered.
    if (!held) sendToken(response, "after");
  });
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const store = {
    ...{ type: "redis", url: { env: "REDIS_URL" }, lease: `${lease}ms` },
    encryptionKey: { env: "STORE_KEY" },
  };
  const env = { SECRET: agentSecret, REDIS_URL: redis.url, STORE_KEY: randomBytes(32).toString("base64url") };
  const config = { ...issuer.config, store };
  const first = fork(agent, { env: { ...process.env, ...env, FLEET_CONFIG: JSON.stringify(config) } });
  await once(first, "message");
  first.send("go");
  await issuer.asked(1);
  const others = await startFleet(5, config, env);
  onTestFinished(() => others.kill());
  const went = others.go();
  held = false;
  const killed = Date.now();
  first.kill("SIGKILL");
  await went;
  const took = Date.now() - killed;
  const seen = await others.report();
  expect(seen.flatMap(({ failures }) => failures)).toEqual([]);
  expect(issuer.tokenRequests().length).toBe(2);
  // A lease that was renewed at the last moment lasts its whole time from then; then whoever waits looks once a second.
  expect(took).toBeLessThan(lease + 1_500);
  figure("milliseconds until a killed holder is overtaken, of a lease of 2000", took);
});

test("200 kills while the file store is written: never unreadable, and nothing written is lost", async () => {
  const lanes = 20;
  const kills = 200;
  // Where it finds the packages that it imports.
  const script = fileURLToPath(new URL("../../node_modules/.cache/mcp-auth-writer.mjs", import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL("writer.ts", import.meta.url))],
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
  });
  const outcomes = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const path = join(folder, `lane-${lane}`);
      let [written, inTheMiddle] = [0, 0];
      for (let round = 0; round < kills / lanes; round += 1) {
        const acknowledged = await writeUntilKilled(script, path);
        const store = createFileStore({ path });
        const found = await store.get("refresh.token");
        await store.close();
        const latest = Number(/^value (\d+) x{5000}$/.exec(found?.value ?? "")?.[1] ?? Number.NaN);
        expect(latest).toBeGreaterThanOrEqual(Math.max(acknowledged, written));
        if (latest > acknowledged) inTheMiddle += 1;
        written = latest;
      }
      const aside = (await readdir(join(path, "refresh.token"))).filter((name) =>
        name.endsWith("unreadable"),
      );
      expect(aside).toEqual([]);
      return { written, inTheMiddle };
    }),
  );
  const writes = outcomes.reduce((sum, { written }) => sum + written, 0);
  expect(writes).toBeGreaterThan(kills);
  figure("kills while writing files", kills);
  figure("writes before those kills", writes);
  figure(
    "kills between a write and its acknowledgement",
    outcomes.reduce((sum, one) => sum + one.inTheMiddle, 0),
  );
});

/** Runs a process that writes one value after the other, kills it at some moment; the last value that it says it wrote. */
async function writeUntilKilled(script: string, path: string): Promise<number> {
  const child: ChildProcess = fork(script, [path], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let acknowledged = 0;
  child.on("message", (number) => {
    acknowledged = Number(number);
  });
  const ended = once(child, "exit");
  // From the first one on it is always writing.
  await Promise.race([
    once(child, "message"),
    ended.then(() => Promise.reject(new Error("It did not start."))),
  ]);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
  child.kill("SIGKILL");
  await ended;
  return acknowledged;
}

test("what a command stores in files holds no token, in no form", async () => {
  const canary = `canary-${randomBytes(12).toString("hex")}`;
  const issuer = await ownIssuer((_request, response) => sendToken(response, canary));
  const path = join(folder, "scanned");
  const store = { type: "file", path, encryptionKey: { env: "STORE_KEY" } };
  const env = { SECRET: agentSecret, STORE_KEY: randomBytes(32).toString("base64url") };
  const fleet = await startFleet(3, { ...issuer.config, store }, env);
  onTestFinished(() => fleet.kill());
  await fleet.go();
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
