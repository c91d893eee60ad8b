// The limits of `allow` for a config from somebody else, at the time when files, commands and URLs are used.

import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import type { Allow, McpAuthOptions } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { agentSecret, createTestRuntime, startWorld, type World } from "./harness.js";

const originsOf = (world: World): readonly string[] => [
  new URL(world.mcp.url).origin,
  new URL(world.issuer.issuer).origin,
];

/** Returns the config of a world with another secret. */
const withSecret = (world: World, secret: object): object => ({
  servers: {
    tools: {
      url: world.mcp.url,
      grant: { client: { issuer: world.issuer.issuer, id: "agent", secret } },
    },
  },
});

/** The config of another person has no checked type. */
const optionsOf = (config: object, options: object): McpAuthOptions<"tools"> => ({
  ...options,
  config: config as never,
});

it("a config that `allow` covers completely works, with every list in use", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, "header"), "from a file");
  const config = {
    servers: {
      tools: {
        ...(withSecret(world, { resolver: "vault", ref: "agent" })["servers" as never][
          "tools" as never
        ] as object),
        headers: {
          "x-file": { file: "./header" },
          "x-env": { env: "TENANT" },
          "x-exec": { exec: ["echo", "x"] },
        },
      },
    },
  };
  const allow: Allow = {
    env: ["TENANT"],
    exec: [["echo", "x"]],
    files: [cwd],
    origins: originsOf(world),
    resolvers: ["vault"],
  };
  const env = { TENANT: "acme", PATH: process.env["PATH"] };
  const resolvers = { vault: async () => agentSecret };
  const auth = await createTestRuntime(optionsOf(config, { cwd, env, allow, resolvers }));
  expect(await auth.resolve("tools").getHeaders()).toMatchObject({
    "x-file": "from a file",
    "x-env": "acme",
    "x-exec": "x",
  });
});

it("a file whose link is changed to lead outside of `allow` is refused when it is read, and nothing is sent", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, "secrets"));
  await writeFile(join(cwd, "secrets/agent"), agentSecret);
  await writeFile(join(cwd, "private"), "what the config must not read");
  await symlink("agent", join(cwd, "secrets/link"));
  const config = withSecret(world, { file: "./secrets/link" });
  const allow = { files: ["secrets"], origins: originsOf(world) };
  const auth = await createTestRuntime(optionsOf(config, { cwd, env: {}, allow }));
  const manager = auth.resolve("tools");
  await manager.getAccessToken();
  const before = world.issuer.tokenRequests.length;
  await symlink("../private", join(cwd, "secrets/next"));
  await rename(join(cwd, "secrets/next"), join(cwd, "secrets/link"));
  const error = await rejectionOf(manager.getAccessToken({ forceRefresh: true }));
  expect(error).toMatchObject({ code: "config_invalid", server: "tools", retryable: false });
  expect(error.message).toContain("`allow.files` does not include it");
  expect(world.issuer.tokenRequests.length).toBe(before);
});

it("a store folder outside of `allow` is refused, even the default one, and nothing is written there", async () => {
  const world = await startWorld();
  const state = await temporaryFolder();
  const store = { type: "file", encryptionKey: { env: "KEY" } };
  const config = { ...withSecret(world, { env: "SECRET" }), store };
  const env = { ...world.env, KEY: `${"k".repeat(42)}A`, XDG_STATE_HOME: state, HOME: state };
  const allow = { env: ["SECRET", "KEY"], origins: originsOf(world) };
  const auth = await createTestRuntime(optionsOf(config, { cwd: state, env, allow }));
  expect(await rejectionOf(auth.resolve("tools").getAccessToken())).toMatchObject({ code: "config_invalid" });
  expect(await readdir(state)).toEqual([]);
  const named = { ...allow, files: [state] };
  const other = await createTestRuntime(optionsOf(config, { cwd: state, env, allow: named }));
  await other.resolve("tools").getAccessToken();
  expect(await readdir(state)).not.toEqual([]);
});

it("a Redis whose referenced URL is outside of `allow` is refused before anything is sent to it", async () => {
  const world = await startWorld();
  const { createServer } = await import("node:net");
  const connections: unknown[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number }; // A TCP server's.
  const store = { type: "redis", url: { env: "REDIS" }, encryptionKey: { env: "KEY" } };
  const config = { ...withSecret(world, { env: "SECRET" }), store };
  const env = { ...world.env, KEY: `${"k".repeat(42)}A`, REDIS: `redis://user:password@127.0.0.1:${port}` };
  const allow = { env: ["*"], origins: originsOf(world) };
  const auth = await createTestRuntime(optionsOf(config, { env, allow }));
  const error = await rejectionOf(auth.resolve("tools").getAccessToken());
  expect(error).toMatchObject({ code: "config_invalid" });
  expect(error.message).toContain("`allow.origins` does not include it");
  expect(error.message).not.toContain("password");
  expect(connections).toEqual([]);
});

it("`allow` confines a reload too, and a refused config leaves the first one in place", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  const file = join(cwd, "mcp-auth.config.json");
  await writeFile(file, JSON.stringify(world.config));
  const allow = { env: ["SECRET"], origins: originsOf(world) };
  const auth = await createTestRuntime({
    config: file,
    cwd,
    env: { ...world.env, GITHUB_TOKEN: "t" },
    allow,
  });
  const leaking = { ...world.config.servers.tools, headers: { "x-token": "${GITHUB_TOKEN}" } };
  await writeFile(file, JSON.stringify({ servers: { tools: leaking } }));
  expect(await rejectionOf(auth.reload())).toMatchObject({
    code: "config_invalid",
    violations: [{ pointer: "/servers/tools/headers/x-token" }],
  });
  expect(await auth.resolve("tools").getHeaders()).not.toHaveProperty("x-token");
});

it("commands that the process forbids stay forbidden if the host passes its own environment", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  const mark = join(cwd, "ran");
  const command = [
    "node",
    "-e",
    `require("node:fs").writeFileSync(${JSON.stringify(mark)}, ""); console.log("x")`,
  ];
  vi.stubEnv("MCP_AUTH_ALLOW_EXEC", "0");
  const env = { PATH: process.env["PATH"] };
  const auth = await createTestRuntime(optionsOf(withSecret(world, { exec: command }), { cwd, env }));
  const manager = auth.resolve("tools");
  expect(await rejectionOf(manager.getAccessToken())).toMatchObject({ code: "secret_unavailable" });
  await expect(readFile(mark)).rejects.toMatchObject({ code: "ENOENT" });
});

it("a command that `allow` names does not run where commands are forbidden", async () => {
  const world = await startWorld();
  const allow = { exec: [["echo", "x"]], origins: originsOf(world) };
  const config = withSecret(world, { exec: ["echo", "x"] });
  const auth = await createTestRuntime(
    optionsOf(config, { env: { PATH: process.env["PATH"] }, allow, allowExec: false }),
  );
  expect(await rejectionOf(auth.resolve("tools").getAccessToken())).toMatchObject({
    code: "secret_unavailable",
  });
});

it("an allowed command runs in the folder of the host, not in that of the config", async () => {
  const world = await startWorld();
  const host = await temporaryFolder();
  const tenant = join(host, "tenant");
  await mkdir(tenant);
  await writeFile(join(host, "get-secret.mjs"), `console.log(${JSON.stringify(agentSecret)})`);
  await writeFile(join(tenant, "get-secret.mjs"), `console.log("of the tenant")`);
  const exec = ["node", "get-secret.mjs"];
  await writeFile(join(tenant, "config.json"), JSON.stringify(withSecret(world, { exec })));
  const allow = { exec: [exec], origins: originsOf(world) };
  const env = { PATH: process.env["PATH"] };
  const auth = await createTestRuntime({ config: join(tenant, "config.json"), cwd: host, env, allow });
  await auth.resolve("tools").getAccessToken();
  expect(world.issuer.tokenRequests.length).toBe(1);
});

it("a store folder that becomes a link outside of `allow` is not written to any more", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, "outside"));
  const store = { type: "file", path: "tenant/store", encryptionKey: { env: "KEY" } };
  const config = { ...withSecret(world, { env: "SECRET" }), store };
  const env = { ...world.env, KEY: `${"k".repeat(42)}A` };
  const allow = { env: ["*"], files: ["tenant"], origins: originsOf(world) };
  await mkdir(join(cwd, "tenant"));
  const auth = await createTestRuntime(optionsOf(config, { cwd, env, allow }));
  await auth.resolve("tools").getAccessToken();
  await rename(join(cwd, "tenant/store"), join(cwd, "tenant/before"));
  await symlink(join(cwd, "outside"), join(cwd, "tenant/store"));
  await auth.resolve("tools").getAccessToken({ forceRefresh: true });
  // Waits for background writes.
  await auth.stop();
  expect(await readdir(join(cwd, "outside"))).toEqual([]);
});

it("`..` in a path is resolved in the text, also after a link and for a store", async () => {
  const world = await startWorld();
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, "allowed/deep/er"), { recursive: true });
  await symlink("deep/er", join(cwd, "allowed/a"));
  // With the link followed, the path would be allowed/forbidden. As text, it is a folder beside `allowed`.
  const store = {
    type: "file",
    path: `${join(cwd, "allowed/a")}/../../forbidden`,
    encryptionKey: { env: "KEY" },
  };
  const config = { ...withSecret(world, { env: "SECRET" }), store };
  const allow = { env: ["*"], files: ["allowed"], origins: originsOf(world) };
  expect(
    await rejectionOf(createTestRuntime(optionsOf(config, { cwd, env: world.env, allow }))),
  ).toMatchObject({
    violations: [{ pointer: "/store/path" }],
  });
});
