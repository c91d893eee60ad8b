import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { quotedScalar } from "../../../../src/proxy/host-settings/format.js";
import { type HostName, hostSettings } from "../../../../src/proxy/host-settings/host-settings.js";
import { parseSettings } from "./parse-settings.js";

const origin = "http://127.0.0.1:8484";
const token = "LOCAL_TOKEN";
const socket = "/run/user/1000/mcp-auth/proxy.sock";

const url = `${origin}/crm`;
const headers = { "MCP-Auth-Proxy-Token": token };
const urlWithToken = `${origin}/${token}/crm`;

const overTcp: Readonly<Record<HostName, unknown>> = {
  vscode: { servers: { crm: { type: "http", url, headers } } },
  cursor: { mcpServers: { crm: { url: urlWithToken } } },
  "claude-code": { mcpServers: { crm: { type: "http", url: urlWithToken } } },
  opencode: {
    $schema: "https://opencode.ai/config.json",
    mcp: { crm: { type: "remote", url, headers, oauth: false, timeout: 60_000 } },
  },
  openclaw: {
    mcp: {
      servers: {
        crm: {
          url,
          transport: "streamable-http",
          headers,
          connectionTimeoutMs: 45_000,
          requestTimeoutMs: 60_000,
        },
      },
    },
  },
  mcporter: { mcpServers: { crm: { baseUrl: url, headers } } },
  goose: {
    extensions: {
      crm: {
        enabled: true,
        type: "streamable_http",
        name: "crm",
        description: "",
        uri: url,
        headers,
        timeout: 300,
      },
    },
  },
  gemini: { mcpServers: { crm: { type: "http", url, headers } } },
  codex: { mcp_servers: { crm: { url, http_headers: headers, startup_timeout_sec: 60 } } },
  zed: { context_servers: { crm: { url, headers } } },
};

const overSocket: Partial<Record<HostName, unknown>> = {
  vscode: { servers: { crm: { type: "http", url: `unix://${socket}#/crm` } } },
  goose: {
    extensions: {
      crm: {
        enabled: true,
        type: "streamable_http",
        name: "crm",
        description: "",
        uri: "http://localhost/crm",
        socket,
        timeout: 300,
      },
    },
  },
};

// The keys of the two objects are names of hosts.
const names = Object.keys(overTcp) as HostName[];

describe.each(names)("the settings for %s", (host) => {
  it(`over TCP, ${host} gets exactly the documented settings`, () => {
    const { text } = hostSettings(host, ["crm"], { origin, token });
    expect(parseSettings(host, text)).toEqual(overTcp[host]);
  });

  it(`with a socket, ${host} uses it if it can, else TCP`, () => {
    const { text } = hostSettings(host, ["crm"], { origin, token, socket });
    expect(parseSettings(host, text)).toEqual(overSocket[host] ?? overTcp[host]);
  });

  it(`the settings for ${host} name every server once, each with its own URL`, () => {
    const servers = ["a.b", "a_b", "A.B", "a-b", "crm"];
    for (const access of [
      { origin, token },
      { origin, token, socket },
    ]) {
      const { text } = hostSettings(host, servers, access);
      const settings = JSON.stringify(parseSettings(host, text));
      const found = [...settings.matchAll(/(?:localhost|8484(?:\/LOCAL_TOKEN)?|\.sock#)\/([\w.-]+)"/g)];
      expect(found.map(([, server]) => server)).toEqual(servers);
    }
  });

  it(`no servers are an empty list in the settings for ${host}`, () => {
    for (const access of [
      { origin, token },
      { origin, token, socket },
    ]) {
      const settings = parseSettings(host, hostSettings(host, [], access).text);
      expect(JSON.stringify(settings)).toMatch(/\{\}\}*$/);
    }
  });
});

// A path on Linux may contain every character except U+0000.
const path = fc
  .string({ unit: "binary" })
  .filter((text) => !text.includes("\0"))
  .map((text) => `/${text}`);
const examples: [string][] = [["/a#b?c=%20&d/${userHome} ü\\\"'"], ["//double"]];

test("VS Code finds every path of a socket in the URL again", () => {
  fc.assert(
    fc.property(path, (odd) => {
      const { text } = hostSettings("vscode", ["crm"], { socket: odd });
      // The settings have this shape.
      const { servers } = parseSettings("vscode", text) as { servers: { crm: { url: string } } };
      // The parts of a URI by RFC 3986, appendix B, which VS Code uses.
      const [, scheme, authority, encoded = "", query, fragment] =
        /^([^:/?#]+):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?#(.*)$/s.exec(servers.crm.url) ?? [];
      expect([scheme, authority, query, fragment]).toEqual(["unix", "", undefined, "/crm"]);
      expect(decodeURIComponent(encoded)).toBe(odd);
      // VS Code replaces variables such as ${userHome} first.
      expect(servers.crm.url).not.toContain("$");
    }),
    { examples },
  );
});

test("goose finds every path of a socket in the YAML again", () => {
  fc.assert(
    fc.property(path, (odd) => {
      const { text } = hostSettings("goose", ["crm"], { socket: odd });
      // The settings have this shape.
      const { extensions } = parseSettings("goose", text) as { extensions: { crm: { socket: string } } };
      expect(extensions.crm.socket).toBe(odd);
    }),
    { examples },
  );
});

test.each(["\u{e0041}", "\\ud83d\\ude00", '"', "\u0085", "\u2028", "\u007f", "#[", "😀", "\r\n", "\t"])(
  "the text %j has the same meaning in YAML and TOML, on one line of printable characters",
  (text) => {
    const scalar = quotedScalar(text);
    expect(scalar).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);
    expect(parseSettings("codex", `text = ${scalar}`)).toEqual({ text });
    expect(parseSettings("goose", `text: ${scalar}`)).toEqual({ text });
  },
);
