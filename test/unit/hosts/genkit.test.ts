import { expect, test } from "vitest";
import { mcpServers } from "../../../src/hosts/genkit.js";
import { createMcpAuth } from "../../../src/index.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;

async function runtime() {
  const sent: (readonly [url: string, authorization: string | null])[] = [];
  const auth = await createMcpAuth({
    config: {
      servers: {
        crm: { url, grant },
        wiki: { url: "https://wiki.example/mcp", grant },
        unset: { url: "${NO_URL}", grant },
      },
    },
    env: { TOKEN: "t1" },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      sent.push([request.url, request.headers.get("authorization")]);
      return new Response();
    },
  });
  return { auth, sent };
}

test("the servers for Genkit are the named ones, with a fetch that adds their token", async () => {
  const { auth, sent } = await runtime();
  const servers = mcpServers(auth, ["wiki", "crm"]);
  expect(Object.keys(servers)).toEqual(["wiki", "crm"]);
  const { fetch, ...rest } = servers.crm;
  expect(rest).toEqual({ url });
  await fetch(url, { method: "POST", body: "{}" });
  expect(sent).toEqual([[url, "Bearer t1"]]);
});

test("there are no servers for Genkit if the config lacks one or its URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => mcpServers(auth, ["crn"])).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(() => mcpServers(auth)).toThrow(
    expect.objectContaining({ code: "config_invalid", server: "unset" }),
  );
});

test("the servers for Genkit need a version of the MCP SDK that uses their fetch", async () => {
  const { auth } = await runtime();
  await installHosts({ "@modelcontextprotocol/sdk": "1.14.0" });
  expect(() => mcpServers(auth, ["crm"])).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@modelcontextprotocol/sdk 1.14.0 is too old: it ignores "fetch" and would send its requests without a token. ' +
        "Install version 1.15.0 or later.",
    }),
  );
  await installHosts({ "@modelcontextprotocol/sdk": "1.15.0" });
  expect(Object.keys(mcpServers(auth, ["crm"]))).toEqual(["crm"]);
});
