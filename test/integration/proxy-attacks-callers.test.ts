// Attacks on the proxy by web pages, and by programs that have not got the local token or misuse it. None may reach the
// server.
import { describe, expect, onTestFinished, test } from "vitest";
import { createProxy, internalsOfAuth, stateOf } from "../../src/proxy/create-proxy.js";
import { assertNoUnhandledRejection } from "../support/no-unhandled-rejection.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { type AttackedProxy, exchange, rawRequest, startRecordedProxy, statusOf } from "./attacked-proxy.js";
import { createTestRuntime, startScriptedServer } from "./harness.js";

assertNoUnhandledRejection();

type RequestOptions = NonNullable<Parameters<typeof rawRequest>[1]>;

/** Sends a request, which must be refused: the server gets nothing, and the response has no secret in it. */
async function refused(
  proxy: Awaited<ReturnType<typeof startRecordedProxy>>,
  options: RequestOptions,
): Promise<number> {
  const before = proxy.upstream.requests.length;
  const response = await proxy.send(rawRequest(proxy, options));
  expect(proxy.upstream.requests.length).toBe(before);
  expectHarmless(response, proxy);
  return statusOf(response);
}

function expectHarmless(response: string, { localToken }: Pick<AttackedProxy, "localToken">): void {
  expect(response).not.toContain(localToken);
  const [head = ""] = response.split("\r\n\r\n");
  expect(head).not.toMatch(/^(?:access-control|set-cookie|www-authenticate|location|server|x-powered)/im);
}

test("a request with the local token reaches the server, without the token", async () => {
  const proxy = await startRecordedProxy();
  const inHeader = { target: "/crm", headers: [`MCP-Auth-Proxy-Token: ${proxy.localToken}`] };
  for (const options of [{}, inHeader])
    expect(statusOf(await proxy.send(rawRequest(proxy, options)))).toBe(200);
  expect(proxy.upstream.requests.map(({ url }) => url)).toEqual(["/mcp", "/mcp"]);
  expect(JSON.stringify(proxy.upstream.requests)).not.toContain(proxy.localToken);
});

test("a page whose host name resolves to this machine is refused, also with the local token", async () => {
  const proxy = await startRecordedProxy();
  const { authority, localToken } = proxy;
  const port = authority.split(":")[1];
  const hosts = [
    ...[
      "evil.example",
      `evil.example:${port}`,
      `localhost:${port}`,
      "127.0.0.1",
      "127.0.0.1:1",
      `127.1:${port}`,
    ],
    ...[`0.0.0.0:${port}`, `[::1]:${port}`, `${authority}.evil.example`, `${authority},evil.example`, ""],
    ...[`evil.example@${authority}`, `${authority}/`, `${authority}\tx`, `http://${authority}`],
  ];
  for (const host of hosts) {
    expect([host, await refused(proxy, { host: `Host: ${host}` })]).toEqual([host, 403]);
    const target = `/${localToken}/crm?a`;
    expect(await refused(proxy, { method: "GET", host: `Host: ${host}`, target })).toBe(403);
  }
  expect(await refused(proxy, { host: "" })).toBe(400);
  expect(await refused(proxy, { host: "", version: "HTTP/1.0" })).toBe(403);
  for (const [first, second] of [
    [authority, "evil.example"],
    ["evil.example", authority],
    [authority, authority],
  ]) {
    expect(await refused(proxy, { host: `Host: ${first}\r\nhost: ${second}` })).toBeGreaterThanOrEqual(400);
  }
});

test("what browsers send for the pages of other sites is refused, also with the local token", async () => {
  const proxy = await startRecordedProxy();
  const chrome = (site: string, mode: string, dest: string) => [
    ...[`Sec-Fetch-Site: ${site}`, `Sec-Fetch-Mode: ${mode}`, `Sec-Fetch-Dest: ${dest}`],
    ...["User-Agent: Mozilla/5.0", "Accept: */*", "Accept-Encoding: gzip, deflate, br, zstd"],
  ];
  const site = "https://evil.example";
  const attacks: Record<string, RequestOptions> = {
    "simple request": { headers: [`Origin: ${site}`, ...chrome("cross-site", "cors", "empty")] },
    "simple request of an old browser": { headers: [`Origin: ${site}`, "Content-Type: text/plain"] },
    "sandboxed frame": { headers: ["Origin: null", ...chrome("cross-site", "cors", "empty")] },
    form: { headers: [`Origin: ${site}`, ...chrome("cross-site", "navigate", "document")] },
    image: { method: "GET", headers: chrome("cross-site", "no-cors", "image") },
    "script of another port": { method: "GET", headers: chrome("same-site", "no-cors", "script") },
    link: { method: "GET", headers: chrome("cross-site", "navigate", "document") },
    "address bar": { method: "GET", headers: chrome("none", "navigate", "document") },
    frame: { method: "GET", headers: chrome("cross-site", "navigate", "iframe") },
    beacon: { headers: [`Origin: ${site}`, ...chrome("cross-site", "no-cors", "empty")] },
    "event source": { method: "GET", headers: [`Origin: ${site}`, "Accept: text/event-stream"] },
    preflight: {
      method: "OPTIONS",
      headers: [
        `Origin: ${site}`,
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Private-Network: true",
      ],
    },
    "preflight without origin": { method: "OPTIONS", headers: ["Access-Control-Request-Method: POST"] },
    "two origins": { headers: [`Origin: ${proxy.origin}`, `Origin: ${site}`] },
    "origin of the host name": { headers: [`Origin: http://localhost:${proxy.authority.split(":")[1]}`] },
    extension: { headers: ["Origin: chrome-extension://abcdefghijklmnop"] },
  };
  for (const [name, options] of Object.entries(attacks))
    expect([name, await refused(proxy, options)]).toEqual([name, 403]);
  const websocket = [
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  expect(
    await refused(proxy, {
      method: "GET",
      headers: ["Connection: upgrade", `Origin: ${site}`, ...websocket],
    }),
  ).toBe(400);
});

test("a request without the local token, or with another spelling of it, is refused", async () => {
  const proxy = await startRecordedProxy();
  const { localToken } = proxy;
  const changed = (localToken.startsWith("A") ? "B" : "A") + localToken.slice(1);
  const targets = [
    "/crm",
    "/crm/",
    "//crm",
    `/${changed}/crm`,
    `/${localToken.slice(1)}/crm`,
    `/%${localToken}/crm`,
  ];
  for (const target of [
    ...targets,
    `//${localToken}/crm`,
    `/./${localToken}/crm`,
    `/crm?${localToken}`,
    `/crm/${localToken}`,
  ])
    expect([target, [400, 403]]).toEqual([
      target,
      expect.arrayContaining([await refused(proxy, { target })]),
    ]);
  const spelled = localToken.replace(/./, (first) => `%${first.charCodeAt(0).toString(16)}`);
  expect(await refused(proxy, { target: `/${spelled}/crm` })).toBe(400);
  const headers = [
    ...[`MCP-Auth-Proxy-Token: ${changed}`, `MCP-Auth-Proxy-Token: ${localToken}, ${localToken}`],
    ...[`MCP-Auth-Proxy-Token: ${localToken}\r\nMCP-Auth-Proxy-Token: x`, "MCP-Auth-Proxy-Token:"],
    ...[
      `Authorization: Bearer ${localToken}`,
      `Cookie: token=${localToken}`,
      `MCP_Auth_Proxy_Token: ${localToken}`,
    ],
  ];
  for (const header of headers) expect(await refused(proxy, { target: "/crm", headers: [header] })).toBe(403);
});

test("the proxy is no proxy for the web, and speaks nothing but HTTP/1.1", async () => {
  const proxy = await startRecordedProxy();
  const { localToken, authority, origin, upstream } = proxy;
  const targets = [`${origin}/${localToken}/crm`, `${upstream.origin}/mcp`, "https://evil.example/", "*"];
  for (const target of targets) {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      expect(await refused(proxy, { method, target })).toBe(400);
    }
  }
  for (const target of [authority, "evil.example:443", `/${localToken}/crm`])
    expect(await refused(proxy, { method: "CONNECT", target, body: "" })).toBe(400);
  for (const method of ["TRACE", "TRACK"])
    expect([400, 405]).toContain(await refused(proxy, { method, body: "" }));
  for (const upgrade of ["websocket", "h2c", "TLS/1.0", "anything"]) {
    const headers = [
      "Connection: Upgrade, HTTP2-Settings",
      `Upgrade: ${upgrade}`,
      "HTTP2-Settings: AAMAAABk",
    ];
    expect(await refused(proxy, { method: "GET", headers })).toBe(400);
  }
  const port = Number(authority.split(":")[1]);
  for (const bytes of [
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `GET /${localToken}/crm\r\n\r\n`,
    `GET /${localToken}/crm HTTP/2.0\r\nHost: ${authority}\r\n\r\n`,
    `GET /${localToken}/crm HTTP/3\r\nHost: ${authority}\r\n\r\n`,
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\0".repeat(200)}`,
    "\x05\x01\x00",
    "SSH-2.0-x\r\n\r\n",
  ]) {
    const response = await exchange(port, bytes);
    expect(response).toMatch(/^HTTP\/1\.1 40[03] /);
    expectHarmless(response, proxy);
  }
  expect(upstream.requests).toEqual([]);
});

test("well-known metadata is nowhere, so that no host starts a login", async () => {
  const proxy = await startRecordedProxy();
  const { localToken } = proxy;
  const names = ["oauth-protected-resource", ""];
  for (const name of names) {
    for (const prefix of ["", "/crm", `/${localToken}`, `/${localToken}/crm`, `/${localToken}/crm/a`, "/-"]) {
      for (const suffix of ["", "/crm", `/${localToken}/crm`, "?resource=x"]) {
        const target = `${prefix}/.well-known/${name}${suffix}`;
        expect([target, await refused(proxy, { method: "GET", target })]).toEqual([target, 404]);
      }
    }
  }
});

test("names that JavaScript objects have are no servers", async () => {
  const proxy = await startRecordedProxy();
  for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf", "crm.", "CRM", "crmx"])
    expect(await proxy.send(rawRequest(proxy, { target: `/${proxy.localToken}/${name}` }))).toMatch(
      /"code":"unknown_server"/,
    );
  for (const name of ["__proto__", "-", "-/metrics", ".", "%63rm", "crm%00", "crm;a", "crm%2f", "", "crm:1"])
    expect(await refused(proxy, { target: `/${proxy.localToken}/${name}` })).toBe(400);
  expect(proxy.upstream.requests).toEqual([]);
});

describe("paths", () => {
  test("the server gets what follows its name, and nothing that leads elsewhere", async () => {
    const proxy = await startRecordedProxy();
    const sent: Readonly<Record<string, string>> = {
      ...{
        "": "/mcp",
        "/": "/mcp/",
        "/a/b": "/mcp/a/b",
        "?a=b": "/mcp?a=b",
        "/a%20b?c=%2f": "/mcp/a%20b?c=%2f",
      },
      ...{
        "//evil.example": "/mcp//evil.example",
        "/@evil.example": "/mcp/@evil.example",
        "/a;b": "/mcp/a;b",
      },
    };
    for (const [rest, url] of Object.entries(sent)) {
      await proxy.send(rawRequest(proxy, { target: `/${proxy.localToken}/crm${rest}` }));
      expect(proxy.upstream.requests.at(-1)?.url).toBe(url);
    }
    const before = proxy.upstream.requests.length;
    const tricks = [
      ...[
        "/..",
        "/../admin",
        "/./",
        "/%2e%2e/admin",
        "/%2E./a",
        "/a/../../admin",
        "/..%2fadmin",
        "/..%5cadmin",
      ],
      ...["/%252e%252e/a", "/\\..\\admin", "/..;/admin", "/a%00", "/%0d%0aX-Evil:%201", "/%c0%ae%c0%ae/a"],
    ];
    for (const rest of tricks) {
      const response = await proxy.send(rawRequest(proxy, { target: `/${proxy.localToken}/crm${rest}` }));
      expect(response).toMatch(/"code":"egress_denied"|^HTTP\/1\.1 400 /);
      expect(response).not.toContain(proxy.localToken);
    }
    for (const rest of ["/a b", "/a#b", "/\u00e9", "/a\tb", "/a\x7f"])
      expect([400]).toContain(await refused(proxy, { target: `/${proxy.localToken}/crm${rest}` }));
    expect(proxy.upstream.requests.length).toBe(before);
  });
});

test("the local token opens nothing below /-/, and the operating token opens no server", async () => {
  const upstream = await startScriptedServer((_request, response) => void response.end());
  const home = await temporaryFolder();
  const auth = await createTestRuntime({
    config: {
      servers: { crm: { url: upstream.origin, grant: { type: "static", token: { env: "TOKEN" } } } },
    },
    env: { TOKEN: "t".repeat(20), XDG_STATE_HOME: home },
  });
  const proxy = await createProxy(auth, { isCommand: true, listen: "127.0.0.1:0", health: "127.0.0.1:0" });
  onTestFinished(() => proxy.stop());
  const state = stateOf(internalsOfAuth(auth));
  const [local, operating] = [await state.token("local"), await state.token("operating")];
  const { host, port } = new URL(proxy.origin ?? "");
  const ask = async (target: string, headers: readonly string[] = []) => {
    const options = { method: "GET", target, headers };
    return await exchange(Number(port), rawRequest({ authority: host, localToken: local }, options));
  };
  const pages = ["live", "ready", "metrics", "status", "", "anything"];
  for (const page of pages) {
    const attempts = [
      ...[await ask(`/-/${page}`), await ask(`/-/${page}?${operating}`), await ask(`/${local}/-/${page}`)],
      ...[await ask(`/${operating}/-/${page}`), await ask(`/-/${page}`, [`Authorization: Bearer ${local}`])],
      ...[await ask(`/-/${page}`, [`MCP-Auth-Proxy-Token: ${local}`, "Authorization: Basic Og=="])],
      ...[await ask(`/-/${page}`, [`MCP-Auth-Proxy-Token: ${operating}`])],
    ];
    for (const response of attempts) {
      expect([400, 403]).toContain(statusOf(response));
      expect(response).not.toMatch(/"pid"|crm|mcp_auth_/);
      expect(response).not.toContain(local);
      expect(response).not.toContain(operating);
    }
  }
  const opened = [
    await ask(`/${operating}/crm`),
    await ask("/crm", [`MCP-Auth-Proxy-Token: ${operating}`]),
    await ask("/crm", [`Authorization: Bearer ${operating}`]),
  ];
  for (const response of opened) expect([400, 403]).toContain(statusOf(response));
  expect(upstream.requests).toEqual([]);
  for (const page of ["live", "ready", "metrics", "status"]) {
    const response = await ask(`/-/${page}`, [`Authorization: Bearer ${operating}`]);
    expect(statusOf(response)).toBe(200);
    expect(response).not.toContain(local);
    expect(response).not.toContain(operating);
  }
  const probe = async (path: string) =>
    await exchange(Number(new URL(proxy.health ?? "").port), `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(await probe("/-/ready")).toMatch(/\r\n\r\nready\n$/);
  for (const path of ["/-/status", "/-/metrics", "/crm", `/${local}/crm`]) {
    const response = await probe(path);
    expect(statusOf(response)).toBe(404);
    expect(response).not.toMatch(/crm|mcp_auth/);
  }
});
