import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { expect, onTestFinished, test } from "vitest";
import { transport } from "../../../src/hosts/strands.js";
import { createMcpAuth } from "../../../src/index.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;

/** `McpTransport` of Strands. */
type HostTransport = Omit<Transport, "sessionId"> & { sessionId?: string | undefined };

async function runtime(env: Record<string, string> = { TOKEN: "t1" }) {
  const sent: { readonly authorization: string | null; readonly session: string | null }[] = [];
  let sessions = 0;
  const auth = await createMcpAuth({
    config: { servers: { crm: { url, grant }, unset: { url: "${NO_URL}", grant } } },
    env,
    // An MCP server with sessions.
    fetch: async (input, init) => {
      const { method, headers } = new Request(input, init);
      if (method !== "POST") return new Response(null, { status: 405 });
      sent.push({ authorization: headers.get("authorization"), session: headers.get("mcp-session-id") });
      const message: { id?: number; method: string } = JSON.parse(String(init?.body));
      if (message.id === undefined) return new Response(null, { status: 202 });
      if (message.method === "initialize") sessions += 1;
      return Response.json(
        { jsonrpc: "2.0", id: message.id, result: resultOf(message.method) },
        { headers: { "mcp-session-id": `s${sessions}` } },
      );
    },
  });
  onTestFinished(() => auth.stop());
  return { auth, env, sent };
}

function resultOf(method: string): object {
  if (method !== "initialize") return { tools: [{ name: "echo", inputSchema: { type: "object" } }] };
  const serverInfo = { name: "crm", version: "1" };
  return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo };
}

/** Connects as Strands does, always with the same transport. */
async function connect(client: Client, hostTransport: HostTransport) {
  // Strands hands its transport to the MCP SDK in the same way.
  await client.connect(hostTransport as Transport);
}

test("a client of Strands sends the manager's token", async () => {
  const { auth, sent } = await runtime();
  const client = new Client({ name: "strands", version: "1" });
  await connect(client, transport(auth.resolve("crm")));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(["echo"]);
  expect(new Set(sent.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer t1"]));
});

test("a client of Strands connects after an attempt without a token", async () => {
  const { auth, env, sent } = await runtime({});
  const client = new Client({ name: "strands", version: "1" });
  const hostTransport = transport(auth.resolve("crm"));
  await expect(connect(client, hostTransport)).rejects.toMatchObject({ code: "secret_unavailable" });
  expect(sent).toEqual([]);
  env["TOKEN"] = "t2";
  await connect(client, hostTransport);
  await client.listTools();
  expect(sent.at(-1)).toEqual({ authorization: "Bearer t2", session: "s1" });
});

test("a client of Strands begins a new session when it connects again", async () => {
  const { auth, sent } = await runtime();
  const client = new Client({ name: "strands", version: "1" });
  const hostTransport = transport(auth.resolve("crm"));
  await connect(client, hostTransport);
  expect(hostTransport.sessionId).toBe("s1");
  await client.close();
  expect(hostTransport.sessionId).toBeUndefined();
  await connect(client, hostTransport);
  await client.listTools();
  expect(sent.map(({ session }) => session)).toEqual([null, "s1", null, "s2", "s2"]);
});

test("a transport for Strands sends nothing before it is started", async () => {
  const { auth, sent } = await runtime();
  const hostTransport = transport(auth.resolve("crm"));
  await expect(hostTransport.send({ jsonrpc: "2.0", method: "ping" })).rejects.toThrow("Not connected");
  await hostTransport.close();
  expect(sent).toEqual([]);
});

test("Strands gets no transport for a server that the config lacks or whose URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => transport(auth.resolve("crn"))).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(() => transport(auth.resolve("unset"))).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("Strands needs an MCP SDK that uses the transport's fetch", async () => {
  const { auth } = await runtime();
  await installHosts({ "@modelcontextprotocol/sdk": "1.14.0" });
  expect(() => transport(auth.resolve("crm"))).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@modelcontextprotocol/sdk 1.14.0 is too old: it ignores "fetch" and would send its requests without a token. ' +
        "Install version 1.15.0 or later.",
    }),
  );
});
