import { expect, test } from "vitest";
import { serverOptions } from "../../../src/hosts/openai-agents.js";
import { createMcpAuth, McpAuthError } from "../../../src/index.js";
import { recordWarnings } from "../../support/record-warnings.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;
const hostMessage = "An error occurred while running the tool. Please try again.";

async function runtime({ deadline = "30s", env = { TOKEN: "t1" } as Record<string, string> } = {}) {
  const sent: (string | null)[] = [];
  return {
    sent,
    auth: await createMcpAuth({
      config: { servers: { crm: { url, grant, deadline }, unset: { url: "${NO_URL}", grant } } },
      env,
      fetch: async (input, init) => {
        sent.push(new Request(input, init).headers.get("authorization"));
        return new Response();
      },
    }),
  };
}

test.each([
  ["30s", 45, 60_000],
  ["90s", 105, 105_000],
  ["1500ms", 17, 60_000],
])(
  "with a deadline of %s, the OpenAI Agents SDK may take %d s to connect, and %d ms for a call",
  async (deadline, clientSessionTimeoutSeconds, timeout) => {
    const { auth, sent } = await runtime({ deadline });
    const { fetch, errorFunction: _, ...limits } = serverOptions(auth.resolve("crm"));
    expect(limits).toEqual({ name: "crm", url, clientSessionTimeoutSeconds, timeout });
    await fetch(url);
    expect(sent).toEqual(["Bearer t1"]);
  },
);

test("the model learns from the OpenAI Agents SDK why there is no token", async () => {
  const { auth } = await runtime({ env: {} });
  const { fetch, errorFunction } = serverOptions(auth.resolve("crm"));
  const error = await fetch(url).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(McpAuthError);
  expect(errorFunction({ error })).toBe(
    'Server "crm": TOKEN is not set. Set it, or load a file that has it with node --env-file=FILE.',
  );
});

test("the model learns why a call failed, although the OpenAI Agents SDK replaces errors for URLs with a query", async () => {
  recordWarnings();
  let status = 200;
  const query = `${url}?tenant=a`;
  const auth = await createMcpAuth({
    config: {
      servers: {
        crm: { url: query, grant, headers: { "x-key": { env: "KEY" } } },
      },
    },
    env: { TOKEN: "t1" },
    fetch: async () => new Response(null, { status }),
  });
  const { fetch, errorFunction } = serverOptions(auth.resolve("crm"));
  const replaced = Object.assign(new Error("MCP tool call failed"), { name: "MCPTransportError" });
  await expect(fetch(query)).rejects.toThrow();
  expect(errorFunction({ error: replaced })).toMatch(/^Server "crm": KEY is not set/);

  const working = await createMcpAuth({
    config: { servers: { crm: { url: query, grant } } },
    env: { TOKEN: "t1" },
    fetch: async () => new Response(null, { status }),
  });
  const options = serverOptions(working.resolve("crm"));
  status = 500;
  await options.fetch(query);
  expect(options.errorFunction({ error: replaced })).toBe(hostMessage);
});

test("for a URL with a query, a process warning says why there is no token", async () => {
  const warnings = recordWarnings();
  const auth = await createMcpAuth({
    config: { servers: { crm: { url: `${url}?tenant=a`, grant } } },
    env: {},
    fetch: async () => new Response(),
  });
  const { fetch } = serverOptions(auth.resolve("crm"));
  for (let call = 0; call < 2; call += 1)
    await expect(fetch(`${url}?tenant=a`)).rejects.toMatchObject({ code: "secret_unavailable" });
  expect(warnings).toEqual([expect.stringMatching(/^Server "crm": TOKEN is not set/)]);
});

test("errors that are not ours are not shown to the model", async () => {
  const { auth } = await runtime();
  const { fetch, errorFunction } = serverOptions(auth.resolve("crm"));
  await fetch(url);
  for (const error of [new Error("password=1"), "password=1", undefined])
    expect(errorFunction({ error })).toBe(hostMessage);
  const replaced = Object.assign(new Error("MCP tool call failed"), { name: "MCPTransportError" });
  expect(errorFunction({ error: replaced })).toBe(hostMessage);
});

test("there are no options for a server that the config lacks or whose URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => serverOptions(auth.resolve("crn"))).toThrow(
    expect.objectContaining({ code: "unknown_server" }),
  );
  expect(() => serverOptions(auth.resolve("unset"))).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});

test("the options for the OpenAI Agents SDK need a version that uses their fetch", async () => {
  const { auth } = await runtime();
  await installHosts({ "@openai/agents": "0.0.15" });
  expect(() => serverOptions(auth.resolve("crm"))).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@openai/agents 0.0.15 is too old: it ignores "fetch" and would send its requests without a token. ' +
        "Install version 0.0.16 or later.",
    }),
  );
  await installHosts({ "@openai/agents": "0.0.16" });
  expect(serverOptions(auth.resolve("crm")).url).toBe(url);
});
