// What MCP servers in the field really do, as people have reported it. Each test is one report.
import { describe, expect, test } from "vitest";
import { type Handler, type RecordedRequest, sendJson } from "../support/http-server.js";
import { field, hasToken, sendPage, wrongMetadata } from "./field.js";
import { createTestRuntime, sendToken } from "./harness.js";

/** Issues the tokens t1, t2 and so on. */
function numbered(): Handler {
  let count = 0;
  return (_request, response) => {
    count += 1;
    sendToken(response, `t${count}`, 600);
  };
}

/** Issues a token that says its scopes. */
const scopedToken: Handler = ({ body }, response) =>
  sendToken(response, `with-${new URLSearchParams(body).get("scope")?.replaceAll(" ", "-") ?? ""}`, 600);

const bearer = ({ headers }: RecordedRequest): string => String(headers.authorization).replace("Bearer ", "");

/** Answers the MCP endpoint only. There is no metadata. */
const endpoint =
  (answer: Handler): Handler =>
  (request, response) =>
    request.url.startsWith("/mcp") ? answer(request, response) : sendJson(response, {}, 404);

describe("resource metadata", () => {
  const resource = "/.well-known/oauth-protected-resource";

  test.each(wrongMetadata)(
    "the first well-known URL of the MCP server answers with %s, while the root one is right",
    async (_, wrong) => {
      const { call, tokenRequests, mcp } = await field({
        mcp: (place) => (request, response) => {
          if (request.url === `${resource}/mcp`) return wrong(request, response);
          return request.url === resource
            ? sendJson(response, { resource: place.mcp, authorization_servers: [place.issuer] })
            : sendJson(response, {}, hasToken(request) ? 200 : 401);
        },
      });
      expect(await call()).toBe(200);
      expect(tokenRequests().map((form) => form.get("resource"))).toEqual([mcp]);
    },
  );

  test("an MCP server in a single-page application answers 200 with HTML for any path", async () => {
    const { call, url, tokenRequests, warnings } = await field({
      mcp: () => (request, response) =>
        request.url === "/mcp" ? sendJson(response, {}, hasToken(request) ? 200 : 401) : sendPage(response),
    });
    expect(await call()).toBe(200);
    expect(tokenRequests().map((form) => form.get("resource"))).toEqual([url]);
    expect(warnings).toMatchObject([{ code: "discovery_failed" }]);
  });

  test("Cloudflare Access in front of an MCP server wants its headers on the metadata too", async () => {
    const isLetIn = ({ headers }: RecordedRequest) => headers["cf-access-client-id"] === "agent.access";
    const { call, tokenRequests, mcp, warnings } = await field({
      mcp: (place) => (request, response) => {
        if (!isLetIn(request))
          return void response.writeHead(302, { location: "https://login.example" }).end();
        return request.url.startsWith(resource)
          ? sendJson(response, { resource: place.mcp, authorization_servers: [place.issuer] })
          : sendJson(response, {}, hasToken(request) ? 200 : 401);
      },
      config: () => ({ headers: { "CF-Access-Client-Id": "agent.access" } }),
    });
    expect(await call()).toBe(200);
    expect(tokenRequests().map((form) => form.get("resource"))).toEqual([mcp]);
    expect(warnings).toEqual([]);
  });
});

describe("tokens", () => {
  test("one tool relays the 401 of its upstream, and other tools work", async () => {
    const { call, tokenRequests } = await field({
      token: numbered(),
      mcp: () => endpoint(({ body }, response) => sendJson(response, {}, body.includes("jira") ? 401 : 200)),
    });
    expect([await call("jira"), await call("ping"), await call("jira"), await call("ping")]).toEqual([
      401, 200, 401, 200,
    ]);
    expect(tokenRequests()).toHaveLength(2);
  });

  test("an unknown session id is answered 401, and a new session works", async () => {
    const { call } = await field({
      token: numbered(),
      mcp: () =>
        endpoint(({ headers }, response) =>
          sendJson(response, {}, headers["mcp-session-id"] === "old" ? 401 : 200),
        ),
    });
    const old = { "mcp-session-id": "old" };
    expect([await call("ping", old), await call("ping", old), await call("initialize")]).toEqual([
      401, 401, 200,
    ]);
  });

  test("a server refuses a revoked token with 403 invalid_token", async () => {
    const { call, tokenRequests } = await field({
      token: numbered(),
      mcp: () =>
        endpoint((request, response) =>
          bearer(request) === "t1"
            ? sendJson(response, {}, 403, { "www-authenticate": 'Bearer error="invalid_token"' })
            : sendJson(response, {}),
        ),
    });
    expect(await call()).toBe(200);
    expect(tokenRequests()).toHaveLength(2);
  });

  test("a server answers 401, and not 403, to a token that lacks a scope, and names the scope", async () => {
    const { call, tokenRequests } = await field({
      token: scopedToken,
      mcp: () =>
        endpoint((request, response) =>
          bearer(request) === "with-r-w"
            ? sendJson(response, {})
            : sendJson(response, {}, 401, { "www-authenticate": 'Bearer scope="r w"' }),
        ),
      config: ({ issuer }) => ({
        grant: { client: { issuer, id: "agent", secret: { env: "S" } }, scopes: ["r"] },
        stepUp: ["w"],
      }),
    });
    expect(await call()).toBe(200);
    expect(tokenRequests().at(-1)?.get("scope")).toBe("r w");
  });

  test("two tenants share a path and differ in the query", async () => {
    const origin = "http://127.0.0.1:9";
    const at = (tenant: string) => ({
      url: `${origin}/mcp?tenant=${tenant}`,
      grant: { type: "static" as const, token: { env: tenant.toUpperCase() } },
    });
    const auth = await createTestRuntime({
      config: { servers: { alice: at("alice"), bob: at("bob") } },
      env: { ALICE: "of-alice", BOB: "of-bob" },
    });
    const tokenFor = async (tenant: string) =>
      await auth.resolveUrl(`${origin}/mcp?tenant=${tenant}`)?.getAccessToken();
    expect([await tokenFor("alice"), await tokenFor("bob")]).toEqual(["of-alice", "of-bob"]);
  });
});
