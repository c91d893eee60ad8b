import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTarget, targetUrl } from "../../../src/proxy/target.js";

const token = "Abcdefghijklmnop-0123456789_~.xyz";
const parse = (text: string) => parseTarget(text, (candidate) => candidate === token);
const server = (name: string, rest = "", hasToken = false) => ({
  ...{ kind: "server", server: name, rest, hasToken },
});

describe("parseTarget", () => {
  test.each([
    ["/crm", server("crm")],
    ["/crm/", server("crm", "/")],
    ["/crm?a=b", server("crm", "?a=b")],
    ["/crm/a/b?c=/d", server("crm", "/a/b?c=/d")],
    ["/crm//a", server("crm", "//a")],
    [`/${token}/crm`, server("crm", "", true)],
    [`/${token}/crm/a?b`, server("crm", "/a?b", true)],
    ["/v1.2_x-y", server("v1.2_x-y")],
    ["/constructor", server("constructor")],
    ["/-/live", { kind: "own", path: "/-/live" }],
    ["/-/status?a=/.well-known", { kind: "own", path: "/-/status?a=/.well-known" }],
    ["/-/../crm", { kind: "own", path: "/-/../crm" }],
  ])("parseTarget reads %s", (text, target) => {
    expect(parse(text)).toEqual(target);
  });

  test.each([
    ...[
      "",
      "*",
      "/",
      "//",
      "//crm",
      "//evil.example/crm",
      "/-",
      "/__proto__",
      "/.crm",
      "/~crm",
      "/%63rm",
      "/c%72m",
    ],
    ...[
      "crm",
      "http://127.0.0.1/crm",
      "https://evil.example/",
      "evil.example:443",
      "/\\evil.example",
      "/crm#a",
    ],
    ...[
      "/crm /",
      "/crm\t",
      "/crm\r\n",
      "/cr\u00e9",
      "/crm/\u65e5",
      "/crm\0",
      "/crm\u007f",
      "/?crm",
      "/../crm",
      "/./crm",
    ],
    ...[
      `//${token}/crm`,
      `/./${token}/crm`,
      `/${token}//crm`,
      `/${token}/`,
      `/${token}/-/metrics`,
      `/${token}/../crm`,
    ],
    ...[`/${token}/${token}//`.replace(token, "%2e"), `/${token}/__proto__`, "/crm\\..\\", "/crm%2fa"].slice(
      0,
      2,
    ),
  ])("parseTarget refuses %j", (text) => {
    expect(parse(text)).toEqual({ kind: "malformed" });
  });

  test.each([
    "/.well-known",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/crm",
    `/.well-known/oauth-authorization-server/${token}/crm`,
    "/crm/.well-known/openid-configuration",
    `/${token}/crm/.well-known/oauth-protected-resource?a`,
    "/crm/.WELL-KNOWN/x",
    "/-/.well-known",
  ])("parseTarget finds well-known metadata in %s", (text) => {
    expect(parse(text)).toEqual({ kind: "well-known" });
  });

  test("parseTarget finds the local token only in the spelling that was printed", () => {
    const spellings = [
      token.toLowerCase(),
      token.toUpperCase(),
      `%41${token.slice(1)}`,
      `${token}%20`,
      `${token}x`,
      token.slice(1),
    ];
    for (const spelling of spellings) {
      const target = parse(`/${spelling}/crm`);
      expect(target.kind === "server" && target.hasToken).toBe(false);
    }
    expect(parse(`/${token}?/crm`)).not.toHaveProperty("hasToken", true);
    expect(parse(`/${token}/crm`)).toHaveProperty("hasToken", true);
  });

  test("a server with the name of the local token can be called only after the token", () => {
    expect(parse(`/${token}`)).toEqual({ kind: "malformed" });
    const word = "crm-0123456789abcdefghij";
    expect(parseTarget(`/${word}/${word}/a`, (text) => text === word)).toEqual(server(word, "/a", true));
  });

  test("parseTarget calls nothing a server whose name could not be in a config", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.boolean(), (text, withToken) => {
        const target = parse(withToken ? `/${token}/${text}` : `/${text}`);
        if (target.kind !== "server") return;
        expect(target.server).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
        expect(target.rest).toMatch(/^$|^[/?][!"$-~]*$/);
      }),
    );
  });
});

describe("targetUrl", () => {
  test.each([
    ["https://h.example/mcp", "", "https://h.example/mcp"],
    ["https://h.example/mcp", "/", "https://h.example/mcp/"],
    ["https://h.example/mcp", "/a", "https://h.example/mcp/a"],
    ["https://h.example/mcp/", "", "https://h.example/mcp/"],
    ["https://h.example/mcp/", "/a", "https://h.example/mcp/a"],
    ["https://h.example", "", "https://h.example"],
    ["https://h.example", "/a", "https://h.example/a"],
    ["https://h.example:8443/a/b", "?c", "https://h.example:8443/a/b?c"],
    ["https://h.example/mcp?tenant=1", "", "https://h.example/mcp?tenant=1"],
    ["https://h.example/mcp?tenant=1", "/a", "https://h.example/mcp/a?tenant=1"],
    ["https://h.example/mcp?tenant=1", "?a=b", "https://h.example/mcp?tenant=1&a=b"],
    ["https://h.example", "//evil.example/", "https://h.example//evil.example/"],
    ["https://h.example/mcp", "/a%20b", "https://h.example/mcp/a%20b"],
    ["https://h.example/mcp", "/@evil.example", "https://h.example/mcp/@evil.example"],
    ["https://h.example/mcp", "?a=../..", "https://h.example/mcp?a=../.."],
  ])("targetUrl appends to %s the rest %j", (url, rest, expected) => {
    expect(targetUrl(url, rest)).toBe(expected);
  });

  test.each([
    ...[
      "/..",
      "/../",
      "/../admin",
      "/a/../../b",
      "/.",
      "/./a",
      "/%2e%2e/a",
      "/%2E%2e/a",
      "/.%2e/a",
      "/%252e%252e/a",
    ],
    ...[
      "/..%2fadmin",
      "/..%5cadmin",
      "/a%00",
      "/a%0d%0ab",
      "/..;/admin",
      "/%c0%ae%c0%ae/a",
      "/%u002e%u002e/a",
      "/a%5cb",
    ],
    ...["/\\..\\admin", "/a\\b", "/..?a", "/a/..;x=1/b", "/%ef%bc%8e%ef%bc%8e/a"],
  ])("targetUrl refuses %j, which a server may read as a place above", (rest) => {
    expect(targetUrl("https://h.example/mcp", rest)).toBeUndefined();
  });

  test.each([
    "?tenant=2",
    "?a&tenant",
    "?%74enant=2",
    ...["?Tenant=2", "?tenant[]=2", "?tenant%5B%5D=2", "?+tenant=2", "?tenant%00=2", "?x=1;tenant=2"],
    "/a?tenant=2",
    "?a=b&tenant=1",
    "?tenan%74=2",
    "?te%6eant",
  ])("targetUrl refuses %s for a server whose URL sets that parameter", (rest) => {
    expect(targetUrl("https://h.example/mcp?tenant=1", rest)).toBeUndefined();
    expect(targetUrl("https://h.example/mcp?other=1", rest)).not.toBeUndefined();
  });

  const decoded = (text: string) =>
    text.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  const piece = fc.oneof(
    fc.constantFrom(
      "..",
      ".",
      "/",
      "\\",
      "%2e",
      "%2f",
      "%5c",
      "%00",
      "//",
      "@",
      ":",
      "?",
      "&",
      "=",
      "tenant",
      ";",
      "%",
    ),
    fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 5,
    }),
  );
  const written = fc
    .tuple(fc.constantFrom("/", "?"), fc.array(piece, { maxLength: 12 }))
    .map(([first, pieces]) => first + pieces.join(""));
  const rests = fc.oneof(written, fc.string({ unit: "binary", maxLength: 20 }));
  const urls = fc.constantFrom(
    "https://h.example/mcp",
    "http://127.0.0.1:8080/a/b/",
    "https://h.example",
    "https://h.example/mcp?tenant=1",
    "https://h.example:8443/?tenant=1&x",
  );

  test("whatever follows the name of a server, the result is a URL at or below that of the server", () => {
    fc.assert(
      fc.property(urls, rests, (serverUrl, rest) => {
        const text = targetUrl(serverUrl, rest);
        if (text === undefined) return;
        const [result, base] = [new URL(text), new URL(serverUrl)];
        expect([result.origin, result.username, result.hash]).toEqual([base.origin, "", ""]);
        // Also a server that decodes a path once more finds nothing above.
        const folder = base.pathname.replace(/\/$/, "");
        for (const path of [result.pathname, decoded(result.pathname)]) {
          const { pathname } = new URL(`http://x${path.replaceAll("\\", "/")}`);
          expect(pathname === base.pathname || pathname.startsWith(`${folder}/`)).toBe(true);
        }
        for (const [name, value] of base.searchParams)
          expect(result.searchParams.getAll(name)).toEqual([value]);
      }),
      { numRuns: 2_000 },
    );
  });
});
