import { expect, test } from "vitest";
import { connectTimeout } from "../../../../src/hosts/common/connect-timeout.js";
import { hostFetch } from "../../../../src/hosts/common/host-fetch.js";
import { managersOf } from "../../../../src/hosts/common/managers-of.js";
import { createMcpAuth, type McpAuthConfig } from "../../../../src/index.js";
import { recordWarnings } from "../../../support/record-warnings.js";

const url = "https://crm.example/mcp";
const grant = { type: "static", token: { env: "TOKEN" } } as const;

/** Creates a runtime whose requests are recorded instead of sent. */
async function runtime(server: Partial<McpAuthConfig<"crm">["servers"]["crm"]> = {}) {
  const sent: (string | null)[] = [];
  const auth = await createMcpAuth({
    config: { servers: { crm: { url, grant, ...server }, wiki: { url: "https://wiki.example/mcp", grant } } },
    env: { TOKEN: "t1" },
    fetch: async (input, init) => {
      sent.push(new Request(input, init).headers.get("authorization"));
      return new Response();
    },
  });
  return { auth, sent };
}

test.each([
  ["in its options", { headers: { Authorization: "Bearer own" } }, undefined],
  ["in a Request", undefined, { authorization: "Bearer own" }],
])(
  "an Authorization header that the host sets %s is replaced, with one warning",
  async (_, init, headers) => {
    const warnings = recordWarnings();
    const { auth, sent } = await runtime();
    const fetch = hostFetch(auth.resolve("crm"));
    for (let call = 0; call < 2; call += 1)
      await fetch(headers === undefined ? url : new Request(url, { headers }), init);
    expect(sent).toEqual(["Bearer t1", "Bearer t1"]);
    expect(warnings).toEqual([
      expect.stringContaining('Server "crm": the program sets its own Authorization header'),
    ]);
  },
);

test("a host that sets no Authorization header causes no warning", async () => {
  const warnings = recordWarnings();
  const { auth, sent } = await runtime();
  await hostFetch(auth.resolve("crm"))(url, { headers: [["accept", "application/json"]] });
  await hostFetch(auth.resolve("crm"))(new Request(url));
  expect(sent).toEqual(["Bearer t1", "Bearer t1"]);
  expect(warnings).toEqual([]);
});

test("headers of an iterator, which can be read only once, reach the server", async () => {
  const seen: (string | null)[] = [];
  const auth = await createMcpAuth({
    config: { servers: { crm: { url, grant } } },
    env: { TOKEN: "t1" },
    fetch: async (input, init) => {
      seen.push(new Request(input, init).headers.get("mcp-session-id"));
      return new Response();
    },
  });
  const headers = new Map([["mcp-session-id", "s1"]]).entries();
  // The types of Node do not have iterators, which the Fetch standard accepts.
  await hostFetch(auth.resolve("crm"))(url, {
    headers: headers as unknown as NonNullable<RequestInit["headers"]>,
  });
  expect(seen).toEqual(["s1"]);
});

test("a host may connect for longer than the deadline of the server", async () => {
  const { auth } = await runtime({ deadline: "2m" });
  expect(connectTimeout(auth.resolve("crm"))).toBeGreaterThan(120_000);
  expect(connectTimeout(auth.resolve("wiki"))).toBeGreaterThan(30_000);
});

test("adapters take all servers of the config, or the named ones in their order", async () => {
  const { auth } = await runtime();
  const names = (...given: Parameters<typeof managersOf<"crm" | "wiki">>) =>
    managersOf(...given).map(([name, manager]) => `${name} ${manager.url}`);
  expect(names(auth)).toEqual(["crm https://crm.example/mcp", "wiki https://wiki.example/mcp"]);
  expect(names(auth, ["wiki"])).toEqual(["wiki https://wiki.example/mcp"]);
  expect(() => managersOf(auth, ["crn"])).toThrow(
    expect.objectContaining({
      code: "unknown_server",
      message: expect.stringContaining('Did you mean "crm"?'),
    }),
  );
});
