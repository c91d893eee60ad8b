import { expect, test } from "vitest";
import { mcpServers } from "../../../src/hosts/mastra.js";
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
        wiki: { url: "https://wiki.example/mcp", grant, deadline: "2m" },
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

test("the servers for Mastra are the named ones, with a fetch that adds their token", async () => {
  const { auth, sent } = await runtime();
  const servers = mcpServers(auth, ["wiki", "crm"]);
  expect(Object.keys(servers)).toEqual(["wiki", "crm"]);
  const { fetch, ...rest } = servers.crm;
  expect(rest).toEqual({ url: new URL(url), connectTimeout: 45_000 });
  await fetch(rest.url, { method: "POST", body: "{}" });
  expect(sent).toEqual([[url, "Bearer t1"]]);
});

test("the servers for Mastra may connect and answer for longer than the deadline", async () => {
  const { auth } = await runtime();
  const { wiki } = mcpServers(auth, ["wiki"]);
  expect(wiki).toMatchObject({ connectTimeout: 135_000, timeout: 135_000 });
});

test("there are no servers for Mastra if the config lacks one or its URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => mcpServers(auth, ["crn"])).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(() => mcpServers(auth)).toThrow(
    expect.objectContaining({ code: "config_invalid", server: "unset" }),
  );
});

test("the servers for Mastra need a version that uses their fetch", async () => {
  const { auth } = await runtime();
  await installHosts({ "@mastra/mcp": "0.14.5" });
  expect(() => mcpServers(auth, ["crm"])).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@mastra/mcp 0.14.5 is too old: it ignores "fetch" and would send its requests without a token. ' +
        "Install version 1.0.0 or later.",
    }),
  );
  await installHosts({ "@mastra/mcp": "1.0.0" });
  expect(Object.keys(mcpServers(auth, ["crm"]))).toEqual(["crm"]);
});
