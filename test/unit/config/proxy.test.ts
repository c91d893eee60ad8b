import { expect, it } from "vitest";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { smallest } from "./folder.js";
import { violationsOf } from "./violations-of.js";

const withProxy = (proxy: unknown) => ({ ...smallest, proxy });

async function load(proxy: unknown, env: Record<string, string> = {}) {
  const config = withProxy(proxy) as never; // Some are not of the type.
  return await loadConfig({ config, cwd: "/etc/agent", env });
}

it("the proxy of a config without settings has none", async () => {
  expect((await loadConfig({ config: smallest, cwd: "/", env: {} })).proxy).toEqual({});
  expect((await load({})).proxy).toEqual({});
});

it("the token of the proxy is a reference, its address is parsed, and its socket becomes absolute", async () => {
  const proxy = { token: { file: "token" }, listen: "[::1]:0", socket: "run/${NAME:-proxy}.sock" };
  expect((await load(proxy)).proxy).toEqual({
    token: { file: "/etc/agent/token" },
    listen: { host: "::1", port: 0 },
    socket: "/etc/agent/run/proxy.sock",
  });
  expect((await load({ listen: "127.0.0.1:${PORT}" }, { PORT: "8484" })).proxy).toEqual({
    listen: { host: "127.0.0.1", port: 8484 },
  });
});

/** What a wrong address is reported as. */
const listen = (length: number) =>
  `Must be 127.0.0.1 or [::1] with a port, such as "127.0.0.1:8484", found a string of ${length} characters. ` +
  "The proxy gives access to the servers, so it does not listen beyond loopback.";
const number =
  'Must be 127.0.0.1 or [::1] with a port, such as "127.0.0.1:8484". A port is a number from 0 to 65535.';
it.each([
  ["all interfaces", { listen: "0.0.0.0:8484" }, `/proxy/listen: ${listen(12)}`],
  ["a host name", { listen: "localhost:8484" }, `/proxy/listen: ${listen(14)}`],
  ["a port alone", { listen: "8484" }, `/proxy/listen: ${listen(4)}`],
  ["a number", { listen: 8484 }, "/proxy/listen: Must be a string, found 8484."],
  ["a port out of range", { listen: "127.0.0.1:65536" }, `/proxy/listen: ${number}`],
  ["an address out of range", { listen: "127.0.0.256:80" }, `/proxy/listen: ${number}`],
  ["an empty path", { socket: "" }, "/proxy/socket: Must not be empty."],
  [
    "a literal token",
    { token: "hunter2" },
    '/proxy/token: Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }, found a string of 7 characters. Write { "env": "MCP_AUTH_PROXY_TOKEN" }, or { "file": "path" }, and remove the secret from the config.',
  ],
  [
    "the URL of an HTTP proxy",
    "http://proxy.example:3128",
    "/proxy: Must be an object with `token`, `listen` or `socket`, found a string of 25 characters. The URL of an HTTP proxy belongs in `network`.",
  ],
  [
    "a misspelled property",
    { sockett: "x" },
    '/proxy/sockett: Unknown property "sockett". Did you mean "socket"?',
  ],
])("in `proxy`, one violation is reported for %s", async (_what, proxy, expected) => {
  expect(await violationsOf(withProxy(proxy))).toEqual([expected]);
});

it("a variable with a value that is no address is one violation", async () => {
  expect(await violationsOf(withProxy({ listen: "${ADDRESS}" }), { ADDRESS: "10.0.0.1:80" })).toEqual([
    `/proxy/listen: ${listen(11)}`,
  ]);
});

it("a variable without a value in the proxy fails the proxy, and every server can be used", async () => {
  const unset = { listen: "127.0.0.1:${PROXY_PORT}", token: { env: "TOKEN" } };
  const { proxy, servers } = await load(unset);
  expect(servers.isUsable("crm")).toBe(true);
  expect(servers.get("crm")).toHaveProperty("spec");
  expect(proxy).toEqual({ failure: expect.objectContaining({ code: "config_invalid" }) });
  expect(proxy.failure?.message).toBe(
    "The proxy cannot be used: /proxy/listen: The environment variable PROXY_PORT is not set. Set it, or load a file that has it with node --env-file=FILE, or write a default: ${PROXY_PORT:-…}.",
  );
  const { violations } = await checkConfig({ config: withProxy(unset) as never, cwd: "/", env: {} });
  expect(violations).toMatchObject([{ pointer: "/proxy/listen" }]);
});

it("a `proxy` in a server belongs in `network`", async () => {
  const server = { ...smallest.servers.crm, proxy: "http://proxy.example:3128" };
  expect(await violationsOf({ servers: { crm: server } })).toEqual([
    '/servers/crm/proxy: "proxy" belongs in `network`, at the top of the config.',
  ]);
});
