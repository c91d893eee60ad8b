import { expect, test } from "vitest";
import { connectionParams } from "../../../src/hosts/google-adk.js";
import { createMcpAuth } from "../../../src/index.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;

async function runtime() {
  const sent: (string | null)[] = [];
  const auth = await createMcpAuth({
    config: { servers: { crm: { url, grant }, unset: { url: "${NO_URL}", grant } } },
    env: { TOKEN: "t1" },
    fetch: async (input, init) => {
      sent.push(new Request(input, init).headers.get("authorization"));
      return new Response();
    },
  });
  return { auth, sent };
}

test("a toolset of Google ADK sends the manager's token", async () => {
  const { auth, sent } = await runtime();
  const { transportOptions, ...rest } = connectionParams(auth.resolve("crm"));
  expect(rest).toEqual({ type: "StreamableHTTPConnectionParams", url });
  expect(Object.keys(transportOptions)).toEqual(["fetch"]);
  await transportOptions.fetch(url);
  expect(sent).toEqual(["Bearer t1"]);
});

test("Google ADK gets no parameters for a server that the config lacks or whose URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => connectionParams(auth.resolve("crn"))).toThrow(
    expect.objectContaining({ code: "unknown_server" }),
  );
  expect(() => connectionParams(auth.resolve("unset"))).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});

test("a version of Google ADK that ignores the transport's options is refused", async () => {
  const { auth } = await runtime();
  await installHosts({ "@google/adk": "0.2.5" });
  expect(() => connectionParams(auth.resolve("crm"))).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@google/adk 0.2.5 is too old: it ignores "transportOptions" and would send its requests without a token. ' +
        "Install version 0.3.0 or later.",
    }),
  );
  await installHosts({ "@google/adk": "0.3.0" });
  expect(connectionParams(auth.resolve("crm")).url).toBe(url);
});
