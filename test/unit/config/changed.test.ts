// What a config would say with other values, without a change of its file.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Change, withChange } from "../../../src/config/json.js";
import { checkConfig } from "../../../src/config/load.js";
import { folder, smallest } from "./folder.js";

test.each<[Change, unknown]>([
  [{ path: ["a"], value: 1 }, { a: 1 }],
  [{ path: ["a"], value: undefined }, {}],
  [{ path: ["a", "b"], value: 1 }, { a: { b: 1, c: [2] } }],
  [{ path: ["a", "b"], value: undefined }, { a: { c: [2] } }],
  [
    { path: ["x"], value: [] },
    { a: { b: 0, c: [2] }, x: [] },
  ],
  // Nothing that could hold it.
  [{ path: ["a", "b", "d"], value: 1 }, { a: { b: 0, c: [2] } }],
  [{ path: ["x", "y"], value: 1 }, { a: { b: 0, c: [2] } }],
])("a change is made in a copy: %j", (change, expected) => {
  const value = { a: { b: 0, c: [2] } };
  expect(withChange(value, change)).toEqual(expected);
  expect(value).toEqual({ a: { b: 0, c: [2] } });
});

const path = ["servers", "crm", "grant", "client", "method"];

test("a change of a config gives what the file would, and leaves the file as it is", async () => {
  const text = JSON.stringify({ ...smallest, network: { allowInsecureHttp: ["crm.example"] } });
  const cwd = await folder({ "mcp-auth.config.json": text });
  const { withChanges, spec } = await checkConfig({ cwd, env: {} });
  const changed = await withChanges?.([{ path, value: "client_secret_post" }]);
  expect(changed?.servers.get("crm")).toMatchObject({
    spec: { grant: { client: { method: "client_secret_post" } } },
  });
  expect(spec?.servers.get("crm")).not.toMatchObject({
    spec: { grant: { client: { method: expect.anything() } } },
  });
  expect(changed?.network).toEqual(spec?.network);
  expect(await readFile(join(cwd, "mcp-auth.config.json"), "utf8")).toBe(text);
});

test("variables keep the values that they have in the file", async () => {
  const config = {
    servers: { crm: { ...smallest.servers.crm, url: "https://${HOST}/mcp", headers: { a: "$${B}" } } },
  };
  const cwd = await folder({ "mcp-auth.config.json": JSON.stringify(config) });
  const { withChanges } = await checkConfig({ cwd, env: { HOST: "crm.example" } });
  const changed = await withChanges?.([{ path, value: "client_secret_post" }]);
  expect(changed?.servers.get("crm")).toMatchObject({
    spec: { url: "https://crm.example/mcp", headers: { a: "${B}" } },
  });
});

test("URLs that a config imports stay", async () => {
  const { url, ...server } = smallest.servers.crm;
  const cwd = await folder({
    "mcp-auth.config.json": JSON.stringify({ import: "./.mcp.json", servers: { crm: server } }),
    ".mcp.json": JSON.stringify({ mcpServers: { crm: { url } } }),
  });
  const { withChanges } = await checkConfig({ cwd, env: {} });
  const changed = await withChanges?.([{ path, value: "client_secret_post" }]);
  expect(changed?.servers.get("crm")).toMatchObject({ spec: { url } });
});

test("a change that would make the config invalid gives nothing", async () => {
  const cwd = await folder({ "mcp-auth.config.json": JSON.stringify(smallest) });
  const { withChanges } = await checkConfig({ cwd, env: {} });
  expect(await withChanges?.([{ path, value: "private_key_jwt" }])).toBeUndefined();
  expect(await withChanges?.([{ path: ["servers", "crm", "unknown"], value: true }])).toBeUndefined();
});
