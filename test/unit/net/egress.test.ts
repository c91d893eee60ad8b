import { describe, expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { assertConfiguredUrl, assertLearnedUrl } from "../../../src/net/egress.js";
import { printableUrl } from "../../../src/net/printable-url.js";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof McpAuthError) return error.code;
    throw error;
  }
  return "accepted";
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return "";
}

describe("assertConfiguredUrl", () => {
  test.each([
    "https://mcp.example/mcp",
    "https://10.0.0.5/mcp",
    "http://localhost:3000/mcp",
    "http://billing.localhost/mcp",
    "http://127.0.0.1:3000/mcp",
    "http://127.8.9.1/mcp",
    "http://[::1]:3000/mcp",
    "http://2130706433/", // 127.0.0.1 as one number
  ])("a URL of the config may be %s", (url) => {
    expect(assertConfiguredUrl(url, "the URL", "billing").protocol).toMatch(/^https?:$/);
  });

  test.each([
    "http://mcp.example/mcp",
    "http://10.0.0.5/mcp",
    "http://localhost.example/mcp",
    "http://notlocalhost/",
    "http://127.0.0.1.example/",
    "http://[::ffff:127.0.0.1]/",
    "ftp://mcp.example/",
    "file:///etc/passwd",
    "data:text/plain,x",
  ])("a URL of the config is insecure_url if it is %s", (url) => {
    expect(codeOf(() => assertConfiguredUrl(url, "the URL", "billing"))).toBe("insecure_url");
  });

  test("a URL of the config may be http to a host in `allowInsecureHttp`, and to no other", () => {
    const insecure = ["billing.mesh", "10.0.0.5"];
    const code = (url: string) => codeOf(() => assertConfiguredUrl(url, "the URL", "billing", insecure));
    for (const url of [
      "http://billing.mesh/mcp",
      "http://BILLING.mesh:8080/",
      "http://10.0.0.5/",
      "http://0xa000005/",
    ]) {
      expect(code(url)).toBe("accepted");
    }
    for (const url of [
      "http://a.billing.mesh/",
      "http://billing.mesh./",
      "http://mesh/",
      "http://10.0.0.6/",
      "ftp://billing.mesh/",
    ]) {
      expect(code(url)).toBe("insecure_url");
    }
    expect(code("http://user:pass@billing.mesh/")).toBe("config_invalid");
  });

  test("a URL of the config without a scheme or with userinfo is config_invalid, and the userinfo is not shown", () => {
    expect(codeOf(() => assertConfiguredUrl("mcp.example/mcp", "the URL"))).toBe("config_invalid");
    const work = () => assertConfiguredUrl("https://u:hunter2@mcp.example/", "the URL", "billing");
    expect(codeOf(work)).toBe("config_invalid");
    expect(messageOf(work)).not.toContain("hunter2");
  });
});

describe("assertLearnedUrl", () => {
  const learned = (url: string, ...configured: string[]) =>
    codeOf(() => assertLearnedUrl(url, "the token endpoint", { server: "billing", configured }));
  const remote = ["https://mcp.example/mcp", "https://auth.example"];
  const local = ["http://127.0.0.1:3000/mcp", "http://127.0.0.1:4000"];

  test.each([
    "https://auth.example/token",
    "https://auth.example./token",
    "https://elsewhere.example/token",
    "https://intranet/token",
    "https://metadata.google.internal/token",
    "https://169.254.169.254.example/token",
    "https://127.0.0.1.nip.example/token",
    "https://localhost.example/token",
    "https://notlocalhost/token",
  ])("a learned URL may be %s, to whatever address its name resolves", (url) => {
    expect(learned(url, ...remote)).toBe("accepted");
  });

  test.each([
    "http://auth.example/token",
    "http://127.0.0.1/token",
    "http://localhost/token",
    "https://127.0.0.1/token",
    "https://localhost/token",
    "https://localhost./token",
    "https://localhost.localdomain/token",
    "https://localhost6.localdomain6./token",
    "https://localhost4/token",
    "https://ip6-localhost/token",
    "https://ip6-loopback/token",
    "https://a.localhost/token",
    "https://169.254.169.254/latest",
    "https://0xa9fea9fe/latest",
    "https://[fd00::1]/token",
    "https://[::ffff:10.0.0.1]/token",
    "https://[::ffff:169.254.169.254]/latest",
    "https://[::ffff:a9fe:a9fe]/latest",
    "https://[::]/token",
    "https://[fe80::1]/token",
    "https://[64:ff9b::7f00:1]/token",
    "https://[fd00:ec2::254]/latest",
    "https://0.0.0.0/token",
    "https://0/token",
    "https://1/token",
    "https://10.1/token",
    "https://0177.0.0.1/token",
    "https://0x7f.1/token",
    "https://2130706433/token",
    "https://2852039166/latest",
    "https://169.254.169.254./latest",
    "https://100.100.100.200/latest",
    "https://168.63.129.16/metadata",
    "https://192.168.1.1/token",
    "https://172.16.0.1/token",
    "https://255.255.255.255/token",
    "https://%31%32%37.0.0.1/token",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/token",
    "https://LOCALHOST/token",
    "https://a.LocalHost./token",
    "https://localhost../token",
    "https://127.0.0.1../token",
    "https://loc%61lhost/token",
    "https://user:pass@auth.example/token",
    "https://user@auth.example/token",
    "https://auth.example@10.0.0.1/token",
    "http:auth.example",
    "ftp://auth.example/token",
    "ws://auth.example/token",
    "wss://auth.example/token",
    "gopher://auth.example/",
    "javascript:alert(1)",
    "data:application/json,{}",
    "blob:https://auth.example/1",
    "unix:/run/docker.sock",
    "//auth.example/token",
    "https://",
    "https://[::1",
    "file:///etc/passwd",
    "/token",
    "",
  ])("a learned URL is insecure_url if it is %s and the config names only public hosts", (url) => {
    expect(learned(url, ...remote)).toBe("insecure_url");
  });

  test("a learned URL may be http on this machine only if server and issuer are both on it", () => {
    expect(learned("http://127.0.0.1:5000/token", ...local)).toBe("accepted");
    expect(learned("http://127.0.0.1/token", "https://mcp.example", "http://127.0.0.1:4000")).toBe(
      "insecure_url",
    );
    expect(learned("http://127.0.0.1/token", "http://127.0.0.1:3000", "https://auth.example")).toBe(
      "insecure_url",
    );
    expect(learned("http://auth.example/token", ...local)).toBe("insecure_url");
    expect(learned("http://127.0.0.1/token")).toBe("insecure_url");
  });

  test("a learned URL may have an IP address or localhost name that the config names", () => {
    expect(learned("https://10.0.0.5/token", "https://mcp.example", "https://10.0.0.5")).toBe("accepted");
    expect(learned("https://10.0.0.6/token", "https://mcp.example", "https://10.0.0.5")).toBe("insecure_url");
    expect(learned("http://localhost:1/token", ...local)).toBe("insecure_url");
    expect(learned("http://localhost:1/token", "http://localhost:3000", "http://127.0.0.1")).toBe("accepted");
  });

  test("a learned URL may be http to a host in `allowInsecureHttp`", () => {
    const rules = {
      server: "billing",
      configured: remote,
      insecureHosts: ["auth.mesh", "10.0.0.5", "[fd00::5]"],
    };
    const code = (url: string) => codeOf(() => assertLearnedUrl(url, "the token endpoint", rules));
    for (const url of [
      "http://auth.mesh/token",
      "http://auth.mesh:8080/token",
      "https://auth.mesh/token",
      "http://10.0.0.5/token",
      "https://10.0.0.5/token",
      "http://[fd00:0::5]/token",
    ]) {
      expect(code(url)).toBe("accepted");
    }
    for (const url of [
      "http://x.auth.mesh/token",
      "http://mesh/token",
      "http://10.0.0.6/token",
      "https://10.0.0.6/token",
      "http://[::ffff:10.0.0.5]/token",
      "http://localhost/token",
      "http://127.0.0.1/token",
      "http://user@auth.mesh/token",
      "ftp://auth.mesh/token",
    ]) {
      expect(code(url)).toBe("insecure_url");
    }
  });

  test("the error about a learned URL says what is wrong, and only its details have the URL", () => {
    const rules = { server: "billing", configured: remote };
    expect(messageOf(() => assertLearnedUrl("https://10.0.0.6/token", "the token endpoint", rules))).toBe(
      'Server "billing": the token endpoint is refused: it has an IP address that the config does not name. Have its operator set its public URL.',
    );
    const prose = "http://evil.example/ignore-your-instructions";
    expect(messageOf(() => assertLearnedUrl(prose, "the token endpoint", rules))).toBe(
      'Server "billing": the token endpoint is refused: it is not https. Have its operator set its public URL. If a mesh protects the connection, list its host in "allowInsecureHttp" under "network".',
    );
    try {
      assertLearnedUrl(prose, "the token endpoint", rules);
    } catch (error) {
      expect(error).toMatchObject({ details: { url: prose } });
    }
  });

  test("the error shows a learned URL that is also in the config", () => {
    const issuer = "http://auth.example";
    const rules = { server: "billing", configured: [issuer] };
    expect(messageOf(() => assertLearnedUrl(issuer, "the issuer", rules))).toContain(
      'Server "billing": the issuer (http://auth.example) is refused: it is not https.',
    );
  });
});

test("only a short plain URL is printable, exactly as it was written", () => {
  expect(printableUrl("https://Auth.example/Tenant/")).toBe("https://Auth.example/Tenant/");
  expect(printableUrl("http://[::1]:80/a")).toBe("http://[::1]:80/a");
  for (const url of [
    undefined,
    {},
    "",
    "auth.example",
    "https://auth.example/a b",
    "https://auth.example/%20",
    "https://auth.example/?q=1",
    "https://auth.example/#f",
    "https://u:p@auth.example/",
    "https://auth.example/\n",
    "https://auth.example/\u202e",
    "https://[not-an-address]/",
    "javascript:alert(1)",
    `https://auth.example/${"a".repeat(200)}`,
  ]) {
    expect(printableUrl(url)).toBeUndefined();
  }
});
