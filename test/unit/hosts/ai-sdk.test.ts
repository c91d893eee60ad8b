import { expect, test } from "vitest";
import { transport } from "../../../src/hosts/ai-sdk.js";
import { createMcpAuth } from "../../../src/index.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;

/** Creates a runtime whose server redirects once within its origin. */
async function runtime() {
  const sent: (readonly [url: string, authorization: string | null])[] = [];
  const auth = await createMcpAuth({
    config: { servers: { crm: { url, grant }, unset: { url: "${NO_URL}", grant } } },
    env: { TOKEN: "t1" },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      sent.push([request.url, request.headers.get("authorization")]);
      return sent.length > 1
        ? new Response()
        : new Response(undefined, { status: 307, headers: { location: `${url}/` } });
    },
  });
  return { auth, sent };
}

test("the transport for the AI SDK has the server's URL, and a fetch that adds its token", async () => {
  const { auth, sent } = await runtime();
  const { fetch, ...rest } = transport(auth.resolve("crm"));
  expect(rest).toEqual({ type: "http", url, redirect: "follow" });
  await fetch(url, { method: "POST", body: "{}", redirect: rest.redirect });
  expect(sent).toEqual([
    [url, "Bearer t1"],
    [`${url}/`, "Bearer t1"],
  ]);
});

test("the transport for the AI SDK rejects a URL of another server", async () => {
  const { auth, sent } = await runtime();
  const { fetch } = transport(auth.resolve("crm"));
  await expect(fetch("https://other.example/mcp")).rejects.toMatchObject({ code: "egress_denied" });
  expect(sent).toEqual([]);
});

test("there is no transport for a server that the config lacks or whose URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => transport(auth.resolve("crn"))).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(() => transport(auth.resolve("unset"))).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("the transport for the AI SDK needs a version that uses its fetch", async () => {
  const { auth } = await runtime();
  await installHosts({ "@ai-sdk/mcp": "1.0.32" });
  expect(() => transport(auth.resolve("crm"))).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@ai-sdk/mcp 1.0.32 is too old: it ignores "fetch" and would send its requests without a token. ' +
        "Install version 1.0.35 or later.",
    }),
  );
  await installHosts({ "@ai-sdk/mcp": "1.0.35" });
  expect(transport(auth.resolve("crm")).type).toBe("http");
});
