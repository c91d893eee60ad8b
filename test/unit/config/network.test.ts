import { join } from "node:path";
import { expect, it } from "vitest";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { client, folder, smallest } from "./folder.js";
import { violationsOf } from "./violations-of.js";

const withNetwork = (network: unknown) => ({ ...smallest, network });

async function networkOf(network: unknown, env: Record<string, string> = {}) {
  const config = withNetwork(network) as never; // Some are not of the type.
  return (await loadConfig({ config, cwd: "/etc/agent", env })).network;
}

it("the network of a config without settings is empty", async () => {
  const spec = await loadConfig({ config: smallest, cwd: "/", env: {} });
  expect(spec.network).toEqual({ ca: [], allowInsecureHttp: [] });
  expect(await networkOf({})).toEqual({ ca: [], allowInsecureHttp: [] });
});

it("paths of authorities become absolute, and hosts are written as in URLs", async () => {
  expect(
    await networkOf({
      proxy: "http://proxy.example:3128",
      ca: ["a.pem", "/b.pem"],
      allowInsecureHttp: ["Auth.INTERNAL", "[::2]", "[0:0:0:0:0:0:0:3]", "10.1.2.3", "bücher.example"],
    }),
  ).toEqual({
    proxy: "http://proxy.example:3128",
    ca: ["/etc/agent/a.pem", "/b.pem"],
    allowInsecureHttp: ["auth.internal", "[::2]", "[::3]", "10.1.2.3", "xn--bcher-kva.example"],
  });
  expect(await networkOf({ proxy: false, ca: "a.pem" })).toMatchObject({
    proxy: false,
    ca: ["/etc/agent/a.pem"],
  });
});

it("paths of authorities are relative to the config file", async () => {
  const cwd = await folder({ "conf/a.json": JSON.stringify(withNetwork({ ca: "./ca.pem" })) });
  const spec = await loadConfig({ cwd, env: {}, cliPath: "conf/a.json" });
  expect(spec.network.ca).toEqual([join(cwd, "conf/ca.pem")]);
});

it("a proxy can have its password in a variable, and it is not shown", async () => {
  const env = { WHOLE: "http://u:s3cr3t@proxy.example:1", PASSWORD: "s3cr3t" };
  for (const proxy of ["${WHOLE}", "http://u:${PASSWORD}@proxy.example:1"]) {
    expect((await networkOf({ proxy }, env)).proxy).toBe(env.WHOLE);
  }
  expect(await violationsOf(withNetwork({ proxy: "${WHOLE}" }), { WHOLE: "http://u:s3cr3t@[proxy" })).toEqual(
    ["/network/proxy: Must be the URL of a proxy. For example http://proxy.example:3128."],
  );
});

const host = (length: number) =>
  `Must be a host name without a scheme, port or path, found a string of ${length} characters; an IPv6 address is in brackets.`;
it.each([
  [
    "a proxy of another kind",
    { proxy: "socks5://proxy.example" },
    "/network/proxy: Must be the URL of a proxy, http:// or https:// with a host and a port, found a string of 22 characters.",
  ],
  [
    "a literal password",
    { proxy: "http://u:hunter2@proxy.example" },
    '/network/proxy: A config must not have a password in it. Put the URL of the proxy into a variable and write "${NAME}".',
  ],
  [
    "a proxy that is true",
    { proxy: true },
    "/network/proxy: Must be `false` or the URL of a proxy, found true.",
  ],
  ["an empty list of authorities", { ca: [] }, "/network/ca: Must not be empty. Omit it instead."],
  [
    "a number as a path",
    { ca: 5 },
    "/network/ca: Must be a string or a list of strings, found 5. Write it in quotes.",
  ],
  [
    "a host that is not in a list",
    { allowInsecureHttp: "a.example" },
    '/network/allowInsecureHttp: Must be a list of host names, found a string of 9 characters. Write a list, with each value as a separate item: ["first", "second"].',
  ],
  [
    "a URL as a host",
    { allowInsecureHttp: ["http://a.example"] },
    `/network/allowInsecureHttp/0: ${host(16)}`,
  ],
  [
    "a host with a port",
    { allowInsecureHttp: ["a.example:80"] },
    `/network/allowInsecureHttp/0: ${host(12)}`,
  ],
  ["IPv6 without brackets", { allowInsecureHttp: ["::2"] }, `/network/allowInsecureHttp/0: ${host(3)}`],
  ["all hosts of a domain", { allowInsecureHttp: ["*.example"] }, `/network/allowInsecureHttp/0: ${host(9)}`],
  [
    "an invalid IP address",
    { allowInsecureHttp: ["[1]"] },
    "/network/allowInsecureHttp/0: Must be a host name without a scheme, port or path; an IPv6 address is in brackets.",
  ],
  [
    "an unset variable",
    { ca: "${CA}" },
    "/network/ca: The environment variable CA is not set. Set it, or load a file that has it with node --env-file=FILE, or write a default: ${CA:-…}.",
  ],
])("in `network`, one violation is reported for %s", async (_what, network, expected) => {
  expect(await violationsOf(withNetwork(network))).toEqual([expected]);
});

it("a variable without a value in the network makes all servers unusable", async () => {
  const servers = { a: smallest.servers.crm, b: smallest.servers.crm };
  const config = { servers, network: { allowInsecureHttp: ["${HOST}"] } };
  const spec = await loadConfig({ config, cwd: "/", env: {} });
  for (const name of ["a", "b"]) {
    expect(spec.servers.get(name)).toMatchObject({ failure: { code: "config_invalid", server: name } });
  }
});

it("only hosts of allowInsecureHttp may be reached over http", async () => {
  const metadata = {
    tokenEndpoint: "http://auth.internal/token",
    mtlsTokenEndpoint: "http://mtls.internal/",
  };
  const config = (allowInsecureHttp: readonly string[]) => ({
    network: { allowInsecureHttp },
    servers: {
      a: {
        url: "http://CRM.internal:8080/mcp",
        grant: { client: { ...client, issuer: "http://auth.internal", metadata } },
      },
    },
  });
  const places = async (hosts: readonly string[], env = {}) => {
    const { violations } = await checkConfig({ config: config(hosts), cwd: "/", env });
    return violations.map(({ pointer }) => pointer);
  };
  const inClient = "/servers/a/grant/client";
  expect(await places(["crm.internal", "AUTH.internal", "mtls.internal"])).toEqual([]);
  expect(await places(["auth.internal", "${MORE}"], { MORE: "crm.internal" })).toEqual([
    `${inClient}/metadata/mtlsTokenEndpoint`,
  ]);
  expect(await places(["internal"])).toEqual([
    "/servers/a/url",
    `${inClient}/issuer`,
    `${inClient}/metadata/tokenEndpoint`,
    `${inClient}/metadata/mtlsTokenEndpoint`,
  ]);
});
