import { describe, expect, test } from "vitest";
import { ServerMap } from "../../../src/register/server-map.js";

function map(urls: Readonly<Record<string, string>>): ServerMap {
  return new ServerMap(new Map(Object.entries(urls)));
}

/** Returns the name of the server whose token a request to this URL gets. */
function found(servers: ServerMap, text: string): string | undefined {
  const match = servers.find(text);
  return match?.isVerbatim === true ? match.server.name : undefined;
}

describe("requests that belong to a server", () => {
  const servers = map({ crm: "https://crm.example/mcp", admin: "https://crm.example/mcp/admin" });

  test.each([
    ["https://crm.example/mcp", "crm"],
    ["https://crm.example/mcp/", "crm"],
    ["https://crm.example/mcp?session=1", "crm"],
    ["https://crm.example/mcp#part", "crm"],
    ["https://crm.example/mcp/tools/list", "crm"],
    ["https://crm.example/mcp/admin", "admin"],
    ["https://crm.example/mcp/admin/users", "admin"],
    ["https://crm.example/mcp/administration", "crm"],
    ['https://crm.example/mcp?filter={"a":1}', "crm"],
    ["https://crm.example/mcp?q=ü", "crm"],
    ["https://crm.example/mcp/a b", "crm"],
    ["https://crm.example/mcp?path=/../x", "crm"],
  ])("a request to %s belongs to the server with the longest URL that it is at or below", (text, name) => {
    expect(found(servers, text)).toBe(name);
  });

  test("a request belongs to a server that is a whole origin, with or without a trailing slash in the config", () => {
    for (const url of ["https://crm.example", "https://crm.example/"]) {
      const whole = map({ crm: url });
      for (const end of ["", "/", "/a", "?x=1", "?path=/a", "#part"]) {
        const text = `https://crm.example${end}`;
        expect(found(whole, text)).toBe("crm");
      }
    }
  });

  test("a request belongs to a server whose URL the config writes in the same unusual form", () => {
    for (const url of [
      "https://crm.example:443/mcp",
      "https://CRM.example/mcp",
      "https://crm.example/a/../mcp",
    ]) {
      const servers = map({ crm: url });
      expect(found(servers, url)).toBe("crm");
      expect(found(servers, `${url}/tools?x=1`)).toBe("crm");
      expect(found(servers, "https://crm.example/mcp")).toBe("crm");
    }
  });

  test("a request belongs to a server with a query only if it has the same query values", () => {
    const tenants = map({
      alice: "https://crm.example/mcp?tenant=a",
      bob: "https://crm.example/mcp?tenant=b",
    });
    expect(found(tenants, "https://crm.example/mcp?tenant=b")).toBe("bob");
    expect(found(tenants, "https://crm.example/mcp?tenant=c")).toBeUndefined();
    expect(found(tenants, "https://crm.example/mcp")).toBeUndefined();
  });
});

describe("requests that get no token", () => {
  const servers = map({ crm: "https://crm.example/mcp", local: "http://127.0.0.1:3000/mcp" });

  test.each([
    "https://crm.example/mcps",
    "https://crm.example/",
    "https://crm.example/other/mcp",
    "https://crm.example//mcp",
    "https://crm.example:8443/mcp",
    "http://crm.example/mcp",
    "https://crm.example.evil.example/mcp",
    "https://crm.example@evil.example/mcp",
    "https://user:password@crm.example/mcp",
    "https://user@crm.example/mcp",
    "https://evil.example/https://crm.example/mcp",
    "https://crm.example./mcp",
    "blob:https://crm.example/mcp",
    "//crm.example/mcp",
    "/mcp",
    "",
    "crm.example/mcp",
    "data:text/plain,https://crm.example/mcp",
  ])("a request to %s gets no token, because it is not within any server", (text) => {
    expect(found(servers, text)).toBeUndefined();
  });

  test.each([
    "HTTPS://crm.example/mcp",
    "https://CRM.example/mcp",
    "https://crm.example:443/mcp",
    " https://crm.example/mcp",
    "https://crm.example/mcp ",
    "https://crm.example/mcp\n",
    "https://crm.example\\mcp",
    "https:crm.example/mcp",
    "https:///crm.example/mcp",
    "https://crm.example/\tmcp",
    "https://crm.example/./mcp",
    "https://crm.example/x/../mcp",
    "https://crm.example/x/%2e%2e/mcp",
    "https://crm.example/mcp/x/../y",
    "https://crm.exampl%65/mcp",
    "https://crm。example/mcp",
    "http://127.1:3000/mcp",
    "http://2130706433:3000/mcp",
    "http://0x7f.0.0.1:3000/mcp",
    "http://127.0.0.1:03000/mcp",
  ])("a request to %j gets no token, because only its normalized URL is within a server", (text) => {
    expect(new URL(text).href).toMatch(/^(https:\/\/crm\.example|http:\/\/127\.0\.0\.1:3000)\/mcp/);
    expect(found(servers, text)).toBeUndefined();
  });

  test.each([
    "https://crm.example/mcp/..%2fadmin",
    "https://crm.example/mcp/%252e%252e/admin",
    "https://crm.example/mcp/..;/admin",
    "https://crm.example/mcp/%5c..%5cadmin",
  ])(
    "a request to %s gets no token, because a lenient server could resolve the path to one outside",
    (text) => {
      expect(found(servers, text)).toBeUndefined();
    },
  );

  test.each([
    ["https://crm.example/mcp", "https://crm.example/mcp/.well-known/openid-configuration"],
    ["https://crm.example/", "https://crm.example/.well-known/oauth-protected-resource"],
    ["https://crm.example/", "https://crm.example/.well-known/oauth-authorization-server/mcp"],
  ])("with the server %s, a request to %s gets no token, because it asks for metadata", (url, text) => {
    expect(map({ crm: url }).find(text)).toBeUndefined();
  });
});

test("a request to a path that only starts like .well-known gets the token", () => {
  expect(found(map({ crm: "https://crm.example/" }), "https://crm.example/.well-known-tools")).toBe("crm");
});

test("ServerMap marks a request whose URL matches only after normalization, on every lookup", () => {
  const servers = map({ crm: "https://crm.example/mcp" });
  for (const text of [
    "https://crm.example/x/../mcp",
    "HTTPS://CRM.example/mcp",
    "https:/\\\\crm.example\\mcp",
  ]) {
    for (let time = 0; time < 2; time += 1) {
      expect(servers.find(text)).toMatchObject({ isVerbatim: false, server: { name: "crm" } });
    }
  }
});

test("ServerMap gives the right answer for similar origins, on every lookup", () => {
  const servers = map({ crm: "https://crm.example/mcp" });
  for (let time = 0; time < 2; time += 1) {
    expect(servers.find("https://crm.example.evil.example/mcp")).toBeUndefined();
    expect(servers.find("https:///evil.example/mcp")).toBeUndefined();
    expect(found(servers, "https://crm.example/mcp")).toBe("crm");
    expect(servers.find("https:///crm.example/mcp")).toMatchObject({ isVerbatim: false });
  }
});

test("ServerMap ignores a server whose URL cannot be parsed", () => {
  expect(map({ crm: "${CRM_URL}" }).find("https://crm.example/mcp")).toBeUndefined();
});
