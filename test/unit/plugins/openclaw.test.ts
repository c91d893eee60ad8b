import { afterEach, describe, expect, test, vi } from "vitest";
import {
  changesOf,
  type Entry,
  earlierAddress,
  type Target,
  usableServers,
} from "../../../plugins/openclaw/entries.js";
import { loggerOf } from "../../../plugins/openclaw/log.js";
import { stopAll } from "../../../plugins/openclaw/stop.js";

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

  test("are new also for a server whose name all objects have", () => {
    const server = { ...target, name: "constructor", proxyUrl: `http://127.0.0.1:4000/${token}/constructor` };
    const { changes, foreign } = changesOf({}, [server]);
    expect({ names: [...changes.keys()], foreign }).toEqual({ names: ["constructor"], foreign: [] });
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

  test("is not taken from an entry whose URL cannot be used", () => {
    const entries = { wiki: { ...written, url: "${WIKI_URL}" }, crm: written };
    expect(earlierAddress(entries, ["wiki"])).toBeUndefined();
    expect(earlierAddress(entries, ["wiki", "crm"])).toEqual({ listen: "127.0.0.1:4000", token });
  });
});

describe("the servers that the OpenClaw plugin serves", () => {
  const crm = { name: "crm", url: "https://crm.example/mcp" };
  const unusable = (name: string) => ({
    name,
    get url(): string {
      throw new Error(`Server "${name}": the variable is not set.`);
    },
  });

  test("do not include one without a usable URL, which is logged", () => {
    const warnings: string[][] = [];
    const servers = usableServers([unusable("wiki"), crm], (...warning) => warnings.push(warning));
    expect(servers).toEqual([crm]);
    expect(warnings).toEqual([["wiki", 'Server "wiki": the variable is not set.']]);
  });

  test("must be one at least, or the plugin fails with all reasons", () => {
    const reasons = 'Server "wiki": the variable is not set. Server "erp": the variable is not set.';
    expect(() => usableServers([unusable("wiki"), unusable("erp")], () => {})).toThrow(reasons);
    expect(usableServers([], () => {})).toEqual([]);
  });
});

describe("the log of the OpenClaw plugin", () => {
  function logged() {
    const lines: string[] = [];
    return { lines, log: loggerOf({ warn: (line) => lines.push(line) }) };
  }

  test("has a failure once until the server has a new token", () => {
    const { lines, log } = logged();
    const event = "token:failed";
    const failure = { event, server: "crm", code: "unavailable", message: 'Server "crm": not now.' };
    log.warn(failure, event);
    log.warn(failure, event);
    expect(lines).toEqual(['Server "crm": not now.']);
    log.debug({ event: "token:renewed", server: "crm" }, "token:renewed");
    log.warn(failure, event);
    expect(lines).toHaveLength(2);
  });

  test("names the server and the code of a warning without a message, once for all renewals", () => {
    const { lines, log } = logged();
    const event = "token:warning";
    for (const _ of [1, 2]) {
      log.warn({ event, server: "crm" }, event);
      log.warn({ event, server: "crm", code: "clock_skew" }, event);
      log.debug({ event: "token:renewed", server: "crm" }, "token:renewed");
    }
    expect(lines).toEqual(['Server "crm": token:warning', 'Server "crm": token:warning (clock_skew)']);
  });

  test("has it again if the server refuses new tokens again", () => {
    const { lines, log } = logged();
    const event = "token:warning";
    for (const _ of [1, 2]) {
      log.warn({ event, server: "crm", code: "unauthorized", message: 'Server "crm": refused.' }, event);
      log.debug({ event: "token:renewed", server: "crm" }, "token:renewed");
    }
    expect(lines).toHaveLength(2);
  });

  test("has other texts as they are", () => {
    const { lines, log } = logged();
    log.error({ event: "token:failed" }, "A listener threw.");
    expect(lines).toEqual(["A listener threw."]);
  });
});

describe("the end of the OpenClaw plugin", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("stops the proxy and the tokens at once, and waits for both", async () => {
    const seen: string[] = [];
    const stop = (name: string) => async () => {
      seen.push(`stop ${name}`);
      await Promise.resolve();
      seen.push(`stopped ${name}`);
    };
    await stopAll([stop("tokens"), stop("proxy")]);
    expect(seen).toEqual(["stop tokens", "stop proxy", "stopped tokens", "stopped proxy"]);
  });

  test("does not wait for more than 4 s", async () => {
    vi.useFakeTimers();
    let isOver = false;
    const stopping = stopAll([() => new Promise(() => {})]).then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(3_999);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isOver).toBe(true);
    await stopping;
  });

  test("fails if one of them fails", async () => {
    const fails = async () => {
      throw new Error("cannot stop");
    };
    await expect(stopAll([fails, async () => {}])).rejects.toThrow("cannot stop");
  });
});
