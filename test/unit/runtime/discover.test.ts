import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { TlsOptions } from "node:tls";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type DiscoverOptions, type Discovery, discover } from "../../../src/index.js";
import { createAuthority } from "../../support/certificates.js";
import { type Listening, listen } from "../../support/listen.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { startConnectProxy } from "../net/connect-proxy.js";

// The proxies of the machine that runs the tests must not be used.
const variables = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];
beforeEach(() => {
  for (const name of variables) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

/** An MCP server at `/mcp` and the authorization server that it names, at one origin, reached by the name `host`. */
async function serve(host: string, tls?: TlsOptions): Promise<Listening & { readonly url: string }> {
  const server = await listen((own) => {
    const origin = own.replace("127.0.0.1", host);
    const documents: Readonly<Record<string, object>> = {
      "/.well-known/oauth-protected-resource/mcp": {
        resource: `${origin}/mcp`,
        authorization_servers: [origin],
      },
      "/.well-known/oauth-authorization-server": { issuer: origin, token_endpoint: `${origin}/token` },
    };
    return ({ url = "" }, response) => {
      const known = documents[url];
      response.writeHead(known === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(known ?? {}));
    };
  }, tls);
  onTestFinished(() => server.close());
  return Object.assign(server, { url: `${server.origin.replace("127.0.0.1", host)}/mcp` });
}

/** A server with a certificate of an authority that nobody else trusts, and the file of that authority. */
async function privateServer(host: string) {
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: [host] });
  const folder = await temporaryFolder();
  const ca = join(folder, "ca.pem");
  await writeFile(ca, authority.certificate);
  return { ...(await serve(host, { cert: certificate, key: privateKey })), ca };
}

const codes = ({ problems }: Discovery) => problems.map(({ code }) => code);

describe("the network option of discover()", () => {
  test("discover() trusts the authorities in ca, whose paths are relative to the working directory", async () => {
    const { url, ca } = await privateServer("127.0.0.1");
    expect(codes(await discover(url))).toEqual(["tls_failed"]);
    const { issuers } = await discover(url, { network: { ca: relative(process.cwd(), ca) } });
    expect(issuers).toEqual([new URL(url).origin]);
  });

  test("discover() uses the proxy of its network option, else the proxy of the environment", async () => {
    const { url, ca } = await privateServer("server.test");
    await using proxy = await startConnectProxy();
    const { servers } = await discover(url, { network: { ca, proxy: proxy.origin } });
    expect(servers).toHaveLength(1);
    const requestsBefore = proxy.targets.length;
    expect(requestsBefore).toBeGreaterThan(0);
    vi.stubEnv("HTTPS_PROXY", proxy.origin);
    expect(codes(await discover(url))).toEqual(["tls_failed"]);
    expect(proxy.targets.length).toBeGreaterThan(requestsBefore);
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(url).host]));
  });

  test("discover() sends plain http to hosts in allowInsecureHttp: the server, and the hosts that it names", async () => {
    const { url } = await serve("server.test");
    await using proxy = await startConnectProxy();
    expect((await rejectionOf(discover(url))).code).toBe("insecure_url");
    const network = { proxy: proxy.origin, allowInsecureHttp: ["server.test"] };
    const { servers } = await discover(url, { network });
    expect(servers[0]?.tokenEndpoint).toBe(url.replace("/mcp", "/token"));
  });

  test.each<[string, unknown, string]>([
    [
      "a proxy of another kind",
      { proxy: "socks5://proxy.example" },
      "/network/proxy: Must be the URL of a proxy",
    ],
    ["an unknown property", { cas: "ca.pem" }, "/network/cas: "],
    ["a string instead of an object", "ca.pem", "/network: "],
    ["a variable that is not set", { ca: "${NOWHERE_SET}" }, "variable NOWHERE_SET is not set"],
  ])("discover() rejects %s with config_invalid and sends nothing", async (_what, network, says) => {
    const fetch = () => Promise.reject(new Error("nothing should be sent"));
    // Some values have another type, as JavaScript allows.
    const options = { network, fetch } as DiscoverOptions;
    const error = await rejectionOf(discover("https://mcp.example/", options));
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain("The option `network` of discover() has 1 mistake:");
    expect(error.message).toContain(says);
  });

  test("discover() rejects a missing ca file with config_invalid", async () => {
    const { url } = await privateServer("127.0.0.1");
    const error = await rejectionOf(discover(url, { network: { ca: "./not-there.pem" } }));
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(join(process.cwd(), "not-there.pem"));
  });
});
