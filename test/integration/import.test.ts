// A runtime whose config takes the URL of a server from the file of a host.
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ConfigReloadedEvent, createMcpAuth, defineConfig } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";
import { folder } from "../unit/config/folder.js";
import { createTestRuntime } from "./harness.js";
import { createRegisteredRuntime, startAnyTokenServer } from "./registered-runtime.js";

/** Creates a project whose config has no URLs, and whose `.mcp.json` has these. */
async function project(origin: string, urls: Readonly<Record<string, string>>) {
  const client = { issuer: origin, id: "agent", secret: { env: "SECRET" } };
  const servers = Object.fromEntries(Object.keys(urls).map((name) => [name, { grant: { client } }]));
  const text = (all: Readonly<Record<string, string>>) =>
    JSON.stringify({
      mcpServers: Object.fromEntries(
        Object.entries(all).map(([name, url]) => [name, { type: "http", url, headers: { "x-host": "1" } }]),
      ),
    });
  const cwd = await folder({
    "mcp-auth.config.json": JSON.stringify({ import: ".mcp.json", servers }),
    ".mcp.json": text(urls),
  });
  return {
    cwd,
    config: { import: ".mcp.json", servers },
    // Renames a complete file, so that a reload never reads a part of it.
    async write(next: Readonly<Record<string, string>>) {
      await writeFile(join(cwd, "next"), text(next), { mode: 0o644 });
      await rename(join(cwd, "next"), join(cwd, ".mcp.json"));
    },
  };
}

test("a server with an imported URL is found by its URL, listed, and authorized, without the headers of the file", async () => {
  const { server, url, env, authorizations } = await startAnyTokenServer();
  const { cwd } = await project(server.origin, { crm: url });
  const auth = await createTestRuntime<string>({ cwd, env });
  expect(auth.servers).toEqual(["crm"]);
  expect(auth.status()).toMatchObject([{ server: "crm", state: "none" }]);
  expect(auth.resolveUrl(`${url}/sub`)).toBe(auth.resolve("crm"));
  await auth.resolve("crm").fetch(url);
  expect(authorizations()).toEqual(["Bearer token-1"]);
  expect(server.requests.filter(({ headers }) => headers["x-host"] !== undefined)).toEqual([]);
});

test("the registered fetch authorizes requests to an imported URL", async () => {
  const { server, url, env, authorizations } = await startAnyTokenServer();
  const { cwd } = await project(server.origin, { crm: url });
  await createRegisteredRuntime({ cwd, env });
  await fetch(url);
  expect(authorizations()).toEqual(["Bearer token-1"]);
});

test("reload() reads the imported file again, and only the servers with another URL change", async () => {
  const { server, url, env, authorizations } = await startAnyTokenServer();
  const { cwd, write } = await project(server.origin, { crm: url, other: `${url}/other` });
  const auth = await createTestRuntime<string>({ cwd, env });
  const [crm, other] = [auth.resolve("crm"), auth.resolve("other")];
  await crm.fetch(url);
  await other.fetch(`${url}/other`);
  const reloads: ConfigReloadedEvent[] = [];
  auth.on("config:reloaded", (event) => void reloads.push(event));
  await write({ crm: `${url}/moved`, other: `${url}/other` });
  await auth.reload();
  expect(reloads).toMatchObject([{ added: [], changed: ["crm"], removed: [] }]);
  expect(auth.resolveUrl(`${url}/moved`)).toBe(crm);
  await crm.fetch(`${url}/moved`);
  await other.fetch(`${url}/other`);
  expect(authorizations()).toEqual(["Bearer token-1", "Bearer token-2", "Bearer token-3", "Bearer token-2"]);
});

test("a reload with a broken imported file fails with its position, and the runtime keeps its URLs", async () => {
  const { server, url, env, authorizations } = await startAnyTokenServer();
  const { cwd } = await project(server.origin, { crm: url });
  const auth = await createTestRuntime<string>({ cwd, env });
  await writeFile(join(cwd, ".mcp.json"), '{\n  "mcpServers": {');
  const { code, violations } = await rejectionOf(auth.reload());
  expect({ code, violations }).toMatchObject({
    code: "config_invalid",
    violations: [{ file: join(cwd, ".mcp.json"), line: 2 }],
  });
  await auth.resolve("crm").fetch(url);
  expect(authorizations()).toEqual(["Bearer token-1"]);
});

test("a config in code imports a file relative to `cwd`, and its servers keep their names in the type", async () => {
  const { server, url, env, authorizations } = await startAnyTokenServer();
  const { cwd } = await project(server.origin, { crm: url });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const config = defineConfig({ import: ".mcp.json", servers: { crm: { grant: { client } } } });
  const auth = await createTestRuntime({ config, cwd, env });
  await auth.resolve("crm").fetch(url);
  expect(authorizations()).toEqual(["Bearer token-1"]);
  // @ts-expect-error this server does not exist
  expect(() => auth.resolve("cm")).toThrow();
});

test("a server that the imported file does not have is an error before anything is sent", async () => {
  const { server, url, env } = await startAnyTokenServer();
  const { cwd, write } = await project(server.origin, { crm: url });
  await write({ crm2: url });
  const error = await rejectionOf(createMcpAuth({ cwd, env }));
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain('Did you mean "crm2"?');
  expect(server.requests).toEqual([]);
});
