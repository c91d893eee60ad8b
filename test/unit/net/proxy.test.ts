import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { isExempt } from "../../../src/net/no-proxy.js";
import { proxyRules } from "../../../src/net/proxy.js";

const via = (url: string, env: Record<string, string>, configured?: string | false) =>
  proxyRules(configured, env).proxyFor(new URL(url))?.origin;

const corporate = "http://proxy.example:3128";

describe("proxyRules", () => {
  test("the environment names a proxy per scheme", () => {
    const env = { HTTPS_PROXY: corporate, HTTP_PROXY: "http://other.example" };
    expect(via("https://auth.example/token", env)).toBe(corporate);
    expect(via("http://auth.mesh/token", env)).toBe("http://other.example");
    expect(via("https://auth.example/token", { HTTP_PROXY: corporate })).toBeUndefined();
  });

  test("a proxy variable in lower case wins, and an empty one names no proxy", () => {
    expect(via("https://auth.example", { https_proxy: corporate, HTTPS_PROXY: "http://b.example" })).toBe(
      corporate,
    );
    expect(via("https://auth.example", { https_proxy: "", HTTPS_PROXY: corporate })).toBe(corporate);
    expect(via("https://auth.example", { HTTPS_PROXY: "" })).toBeUndefined();
  });

  test("the proxy of the config wins over the environment for both schemes, and NO_PROXY applies to it", () => {
    const env = { HTTPS_PROXY: "http://b.example", no_proxy: "auth.example" };
    expect(via("https://mcp.example", env, corporate)).toBe(corporate);
    expect(via("http://mcp.example", env, corporate)).toBe(corporate);
    expect(via("https://auth.example", env, corporate)).toBeUndefined();
  });

  test("`proxy: false` turns off the proxies of the environment", () => {
    expect(via("https://auth.example", { HTTPS_PROXY: corporate }, false)).toBeUndefined();
  });

  test.each([
    "http://localhost:1",
    "https://127.0.0.1",
    "https://127.9.9.9",
    "https://[::1]:8443",
    "https://a.localhost",
    "https://localhost.",
  ])("no proxy is used for %s, which is on this machine", (url) => {
    expect(via(url, { HTTPS_PROXY: corporate, HTTP_PROXY: corporate })).toBeUndefined();
    expect(via(url, {}, corporate)).toBeUndefined();
  });

  test("a proxy can be written without a scheme, and can use TLS", () => {
    expect(via("https://auth.example", { HTTPS_PROXY: "proxy.example:3128" })).toBe(corporate);
    expect(via("https://auth.example", {}, "https://proxy.example")).toBe("https://proxy.example");
  });

  test("the user and password in a proxy's URL are unescaped, and the origin does not contain them", () => {
    const [url, plain] = ["http://us%40er:p%3Aw@proxy.example:3128", "us@er:p:w"];
    const proxy = proxyRules(url, {}).proxyFor(new URL("https://auth.example"));
    expect(proxy).toEqual({
      origin: corporate,
      authorization: `Basic ${Buffer.from(plain).toString("base64")}`,
      source: '"proxy" under "network"',
    });
  });

  test.each<[string, Record<string, string>, string | undefined, string]>([
    [
      "no URL",
      { HTTPS_PROXY: "http://hunter2:pass word@[" },
      undefined,
      "The environment variable HTTPS_PROXY is not a URL",
    ],
    ["another kind", { https_proxy: "socks5://u:hunter2@p.example" }, undefined, "must be http or https"],
    ["another kind in the config", {}, "socks5://u:hunter2@p.example", 'The proxy in "network" has a scheme'],
    ["a stray %", {}, "http://u:hunter2%@p.example", "Write %25"],
  ])(
    "a proxy that is %s is config_invalid, and the message says where it is without quoting it",
    (_name, env, configured, says) => {
      let error: unknown;
      try {
        via("https://auth.example", env, configured);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(McpAuthError);
      expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining(says) });
      expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
    },
  );
});

describe("isExempt", () => {
  test.each<[string, string]>([
    ["https://auth.example", "auth.example"],
    ["https://auth.example", "AUTH.example"],
    ["https://auth.example", "other.example, auth.example"],
    ["https://auth.example", "other.example auth.example"],
    ["https://auth.example", "example"],
    ["https://auth.example", ".example"],
    ["https://auth.example", "*.example"],
    ["https://auth.example", ".auth.example"],
    ["https://auth.example.", "auth.example"],
    ["https://auth.example", "auth.example."],
    ["https://auth.example", "*"],
    ["https://auth.example", "auth.example:443"],
    ["http://auth.example", "auth.example:80"],
    ["https://auth.example:8443", "example:8443"],
    ["https://10.1.2.3", "10.1.2.3"],
    ["https://10.1.2.3:8443", "10.1.2.3:8443"],
    ["https://10.1.2.3", "10.0.0.0/8"],
    ["https://[fd00::1]", "fd00::1"],
    ["https://[fd00::1]", "fd00:0::1"],
    ["https://[fd00::1]:8443", "[fd00::1]:8443"],
    ["https://[fd00::1]", "fd00::/8"],
  ])("NO_PROXY excludes %s with %j", (url, list) => {
    expect(isExempt(new URL(url), list)).toBe(true);
  });

  test.each<[string, string]>([
    ["https://auth.example", ""],
    ["https://auth.example", ", ,"],
    ["https://auth.example", "."],
    ["https://auth.example", "*."],
    ["https://notauth.example", "auth.example"],
    ["https://auth.example.evil", "auth.example"],
    ["https://auth.example", "auth.example:8443"],
    ["https://auth.example:8443", "auth.example:443"],
    ["https://auth.example", "a*.example"],
    ["https://10.1.2.3", "1.2.3"],
    ["https://10.1.2.3", "10.1.2.30"],
    ["https://11.1.2.3", "10.0.0.0/8"],
    ["https://10.1.2.3", "10.0.0.0/99"],
    ["https://10.1.2.3", "10.0.0.0/"],
    ["https://10.1.2.3", "fd00::/8"],
    ["https://[fd00::1]", "10.0.0.0/8"],
    ["https://auth.example", "10.0.0.0/8"],
  ])("NO_PROXY does not exclude %s with %j", (url, list) => {
    expect(isExempt(new URL(url), list)).toBe(false);
  });
});
