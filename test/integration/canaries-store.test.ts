// Searches for canaries as canaries.test.ts does, with stored tokens: in the values that a store gets, in its files,
// and in errors about a faulty store, key or address.

import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../src/cli/main.js";
import { createMcpAuth, type McpAuthConfig, type McpAuthOptions } from "../../src/index.js";
import { Canaries } from "../support/canaries.js";
import { sharedMemory } from "../support/shared-memory.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { hostError } from "./canaries-credentials.js";
import { Watch } from "./canaries-evidence.js";
import { metadataOf, type Stage, startStage } from "./canaries-stage.js";

const newKey = () => randomBytes(32).toString("base64url");

/** Returns a server for each grant that stores tokens, and the variables that the config refers to. */
function setting(canaries: Canaries, stage: Stage) {
  const client = (name: string) => ({ issuer: stage.issuer(name), id: "agent", secret: { env: "SECRET" } });
  const seed = { type: "refresh_token", refreshToken: { env: "SEED" } };
  const servers = {
    tools: { url: stage.mcp("tools"), grant: { client: client("tools") } },
    family: { url: stage.mcp("family"), grant: { client: client("family"), ...seed } },
  };
  const env = {
    SECRET: canaries.fresh("client secret"),
    SEED: canaries.word("refresh token"),
    KEY: canaries.plant("encryption key", newKey()),
  };
  return { servers, env };
}

test("no secret is shown in the files of a store, nor in the output of commands that use it", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const { servers, env } = setting(canaries, stage);
  const path = await temporaryFolder();
  const config = { store: { type: "file", path: "state", encryptionKey: { env: "KEY" } }, servers };
  writeFileSync(join(path, "mcp-auth.config.json"), JSON.stringify(config));
  const files = () => {
    const entries = readdirSync(join(path, "state"), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const file = join(entry.parentPath, entry.name);
      watch.evidence.add(`name ${file}`, file);
      if (entry.isFile()) watch.evidence.add(`file ${file}`, readFileSync(file, "latin1"));
    }
    return entries.filter((entry) => entry.isFile()).length;
  };

  const auth = await createMcpAuth({ cwd: path, env, logger: watch.logger });
  watch.listen(auth);
  expect(await auth.start()).toEqual([]);
  watch.look(auth);
  for (const name of auth.servers) {
    stage.revoke(name);
    const manager = auth.resolve(name);
    await watch.outcome(`fetch of ${name}`, async () => (await manager.fetch(manager.url)).text());
    watch.evidence.examine(
      `token of ${name}`,
      await watch.outcome(`token of ${name}`, () => manager.getToken()),
    );
  }
  await auth.stop();
  // Tokens, a refresh token, and the metadata of two issuers and two servers.
  expect(files()).toBeGreaterThan(5);

  const say = (name: string, answer: object, status: number) =>
    stage.script(name, {
      metadata: (response) =>
        stage.say.json(response, 200, {
          ...metadataOf(stage, name),
          revocation_endpoint: `${stage.issuer(name)}/token`,
        }),
      token: (response) => stage.say.json(response, status, answer),
    });
  const command = async (argv: readonly string[], code: number, given: object = env) => {
    const io = {
      ...{ cwd: path, env: { ...given }, color: false, signal: new AbortController().signal },
      out: (text: string) => watch.evidence.add(`stdout of ${argv.join(" ")}`, text),
      err: (text: string) => watch.evidence.addTalk(`stderr of ${argv.join(" ")}`, text),
    };
    expect([argv, await run(argv, io)]).toEqual([argv, code]);
    files();
  };
  await command(["validate", "--secrets"], 0);
  await command(["validate", "--secrets", "--json"], 2, { ...env, KEY: canaries.word("wrong key") });
  await command(["token", "tools"], 2, { ...env, KEY: canaries.word("wrong key") });
  await command(["token", "family", "--force-refresh"], 4, {
    ...env,
    KEY: canaries.plant("other key", newKey()),
  });
  say("tools", { error: "invalid_client", error_description: stage.say.prose() }, 401);
  // Clears the stored metadata, so that the next command fetches the metadata with the revocation endpoint.
  await command(["store", "clear", "tools"], 0);
  await command(["headers", "tools"], 3);
  await command(["revoke", "tools"], 0);
  say("family", { error: "invalid_request", error_description: stage.say.prose() }, 400);
  await command(["revoke", "family"], 3);
  await command(["store", "clear"], 0);
  await watch.assertClean(canaries);
});

test("no secret is shown in the values that a store gets, and no text that a store throws", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const { servers, env } = setting(canaries, stage);
  // Built from parts of the config's union types.
  const config = {
    defaults: { retry: { attempts: 1 } },
    servers: servers as object as McpAuthConfig["servers"],
  };
  const fails = () => Promise.reject(hostError(canaries));
  const throws = () => {
    throw hostError(canaries);
  };
  const { data, store } = sharedMemory();
  const key = canaries.plant("encryption key", newKey());
  const good = store({ encryptionKeys: () => [key] });
  const stores: readonly NonNullable<McpAuthOptions["store"]>[] = [
    good,
    { ...good, withLock: fails },
    { ...good, get: fails, set: fails, withLock: fails, compareAndDelete: fails, keys: fails, close: fails },
    { ...good, get: throws, set: throws, withLock: throws, onChange: throws, close: throws },
    { ...good, get: async () => ({ value: canaries.word("value of a store") }) },
    { ...good, encryptionKeys: throws },
    { ...good, encryptionKeys: fails },
    { ...good, encryptionKeys: () => [canaries.word("encryption key")] },
    // JavaScript code can pass anything.
    { ...good, encryptionKeys: (() => canaries.word("encryption key")) as () => never },
  ];
  for (const [index, given] of stores.entries()) {
    const auth = await createMcpAuth({ config, env, store: given, logger: watch.logger });
    watch.listen(auth);
    watch.look(auth);
    for (const name of auth.servers) {
      const where = `${name} with store ${index}`;
      const manager = auth.resolve(name);
      watch.evidence.examine(where, await watch.outcome(where, () => manager.getToken()));
      await watch.outcome(`fetch, ${where}`, async () => (await manager.fetch(manager.url)).text());
      stage.revoke(name);
      await watch.outcome(`fetch after a revocation, ${where}`, async () =>
        (await manager.fetch(manager.url)).text(),
      );
      await watch.outcome(`forced, ${where}`, () => manager.getToken({ forceRefresh: true }));
      watch.evidence.examine(`status of ${where}`, manager.status());
    }
    watch.look(auth);
    await watch.outcome("stop", () => auth.stop());
  }
  expect(data.entries.size).toBeGreaterThan(3);
  for (const [name, { value }] of data.entries) watch.evidence.add("what is stored", `${name} ${value}`);
  expect([...watch.evidence.examined]).toEqual(
    expect.arrayContaining(["event store:down", "channel store:down", "event token:warning"]),
  );
  await watch.assertClean(canaries);
});

test("the address and the password of a Redis server are not shown", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const { servers, env } = setting(canaries, stage);
  const password = canaries.word("password of redis");
  const addresses = [
    `redis://agents:${password}@127.0.0.1:1/0`,
    `rediss://agents:${password}@127.0.0.1:1/0`,
    // A server that is not Redis.
    `redis://agents:${password}@${new URL(stage.origin).host}`,
    `http://agents:${password}@127.0.0.1`,
    `redis//agents:${password}`,
    `redis://agents:%${password}@127.0.0.1:1`,
    `redis://agents@127.0.0.1:1/${password}`,
  ];
  const [usual] = addresses;
  const variants = [
    ...addresses.map((url) => ({ url })),
    { url: usual, sentinel: { name: "agents", nodes: ["127.0.0.1:1"] } },
    { url: usual, cluster: ["redis://127.0.0.1:1"] },
  ];
  for (const { url = "", ...variant } of variants) {
    const store = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" }, ...variant };
    // Built from parts of the config's union types.
    const config = { store, defaults: { retry: { attempts: 1 } }, servers } as object as McpAuthConfig;
    const given = { ...env, REDIS_URL: url };
    const auth = await createMcpAuth<string>({ config, env: given, logger: watch.logger });
    watch.listen(auth);
    for (const name of auth.servers) {
      const where = `${name} with ${url.replace(password, "…")}`;
      watch.evidence.examine(where, await watch.outcome(where, () => auth.resolve(name).getToken()));
    }
    watch.look(auth);
    await auth.stop();
  }
  expect([...watch.evidence.examined]).toEqual(expect.arrayContaining(["event store:down", "log warn"]));
  await watch.assertClean(canaries);
});
