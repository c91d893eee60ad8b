// What is refused on Bun and Deno. test/runtimes runs the package on both of them.
import { describe, expect, test } from "vitest";
import type { NetworkSpec } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { Secret } from "../../../src/lib/secret.js";
import type { FetchFunction } from "../../../src/net/bounded-fetch.js";
import { createNetwork, type NetworkOptions } from "../../../src/net/network.js";
import { rejectionOf } from "../../support/rejection-of.js";

const url = "https://auth.example/token";
const proxy = "http://proxy.example:3128";

/** Returns the network of a runtime, and the URLs of all requests that were sent. */
function networkOn(
  runtime: "Bun" | "Deno",
  spec: Partial<NetworkSpec> = {},
  more: Partial<NetworkOptions> = {},
) {
  const sent: unknown[] = [];
  const fetch: FetchFunction = async (input) => {
    sent.push(input);
    return new Response("ok");
  };
  const given = {
    fetch,
    spec: { ca: [], allowInsecureHttp: [], ...spec },
    env: {},
    processEnv: {},
    envAtLoad: {},
  };
  return { network: createNetwork({ ...given, runtime, ...more }), sent };
}

describe.each(["Bun", "Deno"] as const)("on %s", (runtime) => {
  test(`on ${runtime}, requests without special settings are sent`, async () => {
    const { network, sent } = networkOn(runtime);
    expect(await (await network.fetch(url)).text()).toBe("ok");
    expect(sent).toEqual([url]);
    network.retire();
    await network.close();
  });

  const [remove, unset] = [
    "remove it from the config.",
    "unset that variable, or name the server in NO_PROXY (host names in lower case, with commas between them).",
  ];
  test.each<[string, Partial<NetworkSpec>, Partial<NetworkOptions>, string, string]>([
    ["authorities", { ca: ["ca.pem"] }, {}, '"ca" under "network"', remove],
    ["a proxy", { proxy }, {}, '"proxy" under "network"', remove],
    [
      "HTTPS_PROXY",
      {},
      { processEnv: { HTTPS_PROXY: proxy } },
      "a proxy in the environment (HTTPS_PROXY)",
      unset,
    ],
    [
      "https_proxy",
      {},
      { processEnv: { https_proxy: proxy } },
      "a proxy in the environment (HTTPS_PROXY)",
      unset,
    ],
    ["ALL_PROXY", {}, { processEnv: { ALL_PROXY: proxy } }, "a proxy in the environment (ALL_PROXY)", unset],
    [
      'a proxy in the environment with `"proxy": false`',
      { proxy: false },
      { processEnv: { HTTPS_PROXY: proxy } },
      "a proxy in the environment (HTTPS_PROXY)",
      unset,
    ],
    [
      "a variable that was removed after the start",
      {},
      { envAtLoad: { HTTPS_PROXY: proxy, NO_PROXY: "other.example" }, processEnv: { NO_PROXY: "*" } },
      "a proxy in the environment at the start (HTTPS_PROXY)",
      "start it without that variable, or with the server in NO_PROXY (host names in lower case, with commas between them).",
    ],
    [
      "a proxy in the env of createMcpAuth",
      {},
      { env: { HTTPS_PROXY: proxy } },
      "a proxy in the environment",
      unset,
    ],
  ])(`on ${runtime}, %s is refused, and nothing is sent`, async (_what, spec, more, feature, remedy) => {
    const { network, sent } = networkOn(runtime, spec, more);
    const error = await rejectionOf(network.fetch(url));
    expect(error).toMatchObject({ code: "config_invalid", retryable: false });
    expect(error.message).toBe(
      `No request was sent: ${feature} works only on Node.js, and this is ${runtime}. Run the agent on Node.js, or ${remedy}`,
    );
    expect(sent).toEqual([]);
  });

  const metadata = "http://169.254.169.254/token";

  test.each<[string, Partial<NetworkSpec>, Partial<NetworkOptions>]>([
    ["nothing", {}, {}],
    ["a proxy and authorities in the config", { proxy, ca: ["ca.pem"] }, {}],
    ["a proxy for https", {}, { processEnv: { HTTPS_PROXY: proxy } }],
    ["an exemption", {}, { processEnv: { HTTP_PROXY: proxy, NO_PROXY: "a.example,169.254.169.254" } }],
    [
      "a proxy in the env of createMcpAuth, which the runtime does not read",
      {},
      { env: { HTTP_PROXY: proxy } },
    ],
  ])(`on ${runtime}, a metadata service is asked directly with %s`, async (_what, spec, more) => {
    const { network, sent } = networkOn(runtime, spec, more);
    expect(await (await network.fetchDirect(metadata)).text()).toBe("ok");
    expect(sent).toEqual([metadata]);
  });

  test.each<[string, Partial<NetworkOptions>, string]>([
    ["HTTP_PROXY", { processEnv: { HTTP_PROXY: proxy } }, "HTTP_PROXY"],
    ["ALL_PROXY", { processEnv: { ALL_PROXY: proxy } }, "ALL_PROXY"],
    ["a variable that was removed after the start", { envAtLoad: { HTTP_PROXY: proxy } }, "HTTP_PROXY"],
  ])(
    `on ${runtime}, a metadata service is not asked through the proxy in %s`,
    async (_what, more, variable) => {
      const { network, sent } = networkOn(runtime, {}, more);
      const error = await rejectionOf(network.fetchDirect(metadata));
      expect(error).toMatchObject({
        code: "config_invalid",
        message:
          `No request was sent: ${runtime} would ask for the identity of this machine through the proxy in ${variable}. Run ` +
          "the agent on Node.js, or start it with 169.254.169.254 in NO_PROXY (host names in lower case, with commas between " +
          "them).",
      });
      expect(sent).toEqual([]);
    },
  );

  test(`on ${runtime}, a metadata service on https is not asked without verification`, async () => {
    const { network, sent } = networkOn(runtime, {}, { processEnv: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    expect(await rejectionOf(network.fetchDirect(url))).toMatchObject({ code: "tls_failed" });
    expect(sent).toEqual([]);
  });

  test(`on ${runtime}, a client certificate is refused, and nothing is sent`, async () => {
    const { network, sent } = networkOn(runtime);
    const identity = {
      certificate: "",
      privateKey: new Secret("test"),
      passphrase: undefined,
      thumbprint: "",
      expiresAt: 0,
    };
    const error = await rejectionOf(network.fetchAs(identity)(url));
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(`a client certificate works only on Node.js, and this is ${runtime}.`);
    expect(sent).toEqual([]);
  });

  test(`on ${runtime}, a proxy in the environment is refused for loopback too, because fetch would use it`, async () => {
    const { network, sent } = networkOn(runtime, {}, { processEnv: { HTTP_PROXY: proxy } });
    const error = await rejectionOf(network.fetch("http://127.0.0.1:8080/token"));
    expect(error.message).toContain("(HTTP_PROXY)");
    expect(sent).toEqual([]);
    await network.fetch(url);
    expect(sent).toEqual([url]);
  });

  test.each<[string | Record<string, string>, string, boolean]>([
    ["auth.example", "auth.example", true],
    ["other.example, example", "auth.example", true],
    [".example\t,other", "auth.example", true],
    ["*", "auth.example", true],
    ["127.0.0.1", "127.0.0.1", true],
    ["auth.example.", "auth.example", false],
    ["other.example", "auth.example", false],
    ["h.example", "auth.example", false],
    [".auth.example", "auth.example", false],
    ["", "auth.example", false],
    // Not all versions of the two understand these.
    ["*.example", "auth.example", false],
    ["auth.example:443", "auth.example", false],
    ["other.example auth.example", "auth.example", false],
    ["auth.example\u00A0", "auth.example", false],
    ["AUTH.example", "auth.example", false],
    ["other.example, *", "auth.example", false],
    ["other.example *", "auth.example", false],
    ["*", "127.0.0.1", false],
    ["127.0.0.0/8", "127.0.0.1", false],
    ["0.0.1", "127.0.0.1", false],
    ["[::1]", "[::1]", false],
    ["::1", "[::1]", false],
    ["*", "[::1]", false],
    ["auth.example", "auth.example.", false],
    ["auth.example.", "auth.example.", false],
    ["*", "auth.example.", false],
    // Deno reads the first of two, and Bun the second.
    [{ NO_PROXY: "auth.example", no_proxy: "other.example" }, "auth.example", false],
    [{ NO_PROXY: "other.example", no_proxy: "auth.example" }, "auth.example", false],
    [{ NO_PROXY: "", no_proxy: "auth.example" }, "auth.example", false],
    [{ NO_PROXY: "auth.example", no_proxy: "example" }, "auth.example", true],
  ])(`on ${runtime}, NO_PROXY %j allows a request to %s: %s`, async (list, host, isAllowed) => {
    const lists = typeof list === "string" ? { NO_PROXY: list } : list;
    const proxied = { HTTPS_PROXY: proxy, ...lists };
    for (const more of [{ processEnv: proxied }, { envAtLoad: proxied }]) {
      const { network, sent } = networkOn(runtime, {}, more);
      const outcome = await network.fetch(`https://${host}/token`).then(
        () => "sent",
        (error: unknown) => (error instanceof McpAuthError ? error.code : error),
      );
      expect(outcome).toBe(isAllowed ? "sent" : "config_invalid");
      expect(sent).toHaveLength(isAllowed ? 1 : 0);
    }
  });

  test(`on ${runtime}, https is refused while verification is off, and nothing is sent`, async () => {
    const processEnv: Record<string, string> = {};
    const { network, sent } = networkOn(runtime, {}, { processEnv });
    await network.fetch(url);
    processEnv["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    const error = await rejectionOf(network.fetch(url));
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toMatch(/^No request was sent\. NODE_TLS_REJECT_UNAUTHORIZED turns/);
    await network.fetch("http://localhost/after");
    expect(sent).toEqual([url, "http://localhost/after"]);
  });
});
