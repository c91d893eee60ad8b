// What is refused on Bun and Deno. test/runtimes runs the package on both of them.
import { describe, expect, test } from "vitest";
import type { NetworkSpec } from "../../../src/config/spec.js";
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
  const given = { fetch, spec: { ca: [], allowInsecureHttp: [], ...spec }, env: {}, processEnv: {} };
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
    "unset that variable, or name the server in NO_PROXY.",
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

  test.each<[string, boolean]>([
    ["auth.example", true],
    ["other.example, example", true],
    ["*", true],
    ["other.example", false],
    // Deno does not understand these.
    ["*.example", false],
    ["auth.example:443", false],
  ])(`on ${runtime}, NO_PROXY %s allows the request: %s`, async (list, isAllowed) => {
    const { network, sent } = networkOn(runtime, {}, { processEnv: { HTTPS_PROXY: proxy, NO_PROXY: list } });
    const outcome = await network.fetch(url).then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(isAllowed);
    expect(sent).toHaveLength(isAllowed ? 1 : 0);
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
