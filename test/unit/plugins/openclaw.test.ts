import { describe, expect, test } from "vitest";
import { changesOf, type Entry, earlierAddress, type Target } from "../../../plugins/openclaw/entries.js";

const token = "a-local-token";
const target = {
  name: "crm",
  serverUrl: "https://crm.example/mcp",
  proxyUrl: `http://127.0.0.1:4000/${token}/crm`,
};
const written = {
  url: "http://127.0.0.1:4000/crm",
  transport: "streamable-http",
  headers: { "MCP-Auth-Proxy-Token": token },
  connectionTimeoutMs: 45_000,
  requestTimeoutMs: 60_000,
};

/** Returns the changed entries, and the names of entries of other servers. `file` has the variables. */
function change(entries: Readonly<Record<string, Entry>>, targets: readonly Target[], file = entries) {
  const { changes, foreign } = changesOf(entries, targets);
  const changed = [...changes].map(([name, change]) => [name, change(file[name])] as const);
  return { changed: Object.fromEntries(changed), foreign };
}

describe("the entries that the OpenClaw plugin writes", () => {
  test("have the local token in a header, which OpenClaw does not log", () => {
    expect(change({}, [target])).toEqual({ changed: { crm: written }, foreign: [] });
  });

  test("are not written again while they are right, whatever else they have", () => {
    const entries = { crm: { ...written, connectionTimeoutMs: 1, enabled: false } };
    expect(change(entries, [target])).toEqual({ changed: {}, foreign: [] });
  });

  test("take the place of the server's own URL, keep other settings, and need no login", () => {
    const crm = {
      url: target.serverUrl,
      type: "http",
      auth: "oauth",
      oauth: { scope: "tools" },
      headers: { "X-Team": "sales" },
      toolFilter: { include: ["echo"] },
    };
    const headers = { ...written.headers, "X-Team": "sales" };
    expect(change({ crm }, [target]).changed).toEqual({
      crm: { ...written, headers, toolFilter: { include: ["echo"] } },
    });
  });

  test("follow a proxy that had to take another port, and keep the variables of the file", () => {
    const url = "http://127.0.0.1:3999/crm";
    const headers = { "MCP-Auth-Proxy-Token": "${MCP_AUTH_PROXY_TOKEN}" };
    const file = { crm: { ...written, url, headers } };
    expect(change({ crm: { ...written, url } }, [target], file).changed).toEqual({
      crm: { ...written, headers },
    });
  });

  test("get the token of the proxy if they have another", () => {
    const crm = { ...written, headers: { "MCP-Auth-Proxy-Token": "an-older-token" } };
    expect(change({ crm }, [target]).changed).toEqual({ crm: written });
  });

  test("leave an entry of another server alone", () => {
    const entries = { crm: { url: "https://other.example/mcp" }, local: { command: "node" } };
    const local = { ...target, name: "local", proxyUrl: `http://127.0.0.1:4000/${token}/local` };
    expect(change(entries, [target, local])).toEqual({ changed: {}, foreign: ["crm", "local"] });
  });
});

describe("the address of the OpenClaw plugin's proxy", () => {
  test("is the one that an entry has already", () => {
    const entries = { wiki: { url: "https://wiki.example/mcp" }, crm: written };
    expect(earlierAddress(entries, ["wiki", "crm"])).toEqual({ listen: "127.0.0.1:4000", token });
  });

  test("is not taken from an entry of another server, or without a token", () => {
    expect(earlierAddress({ crm: written, wiki: { url: "http://127.0.0.1:1/x" } }, ["wiki"])).toBeUndefined();
  });
});
