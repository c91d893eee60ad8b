// `doctor` and tokens that the server does not accept, or that nobody can look into.
import { describe, expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { unsignedJwt } from "../unit/oauth/fixtures.js";
import { diagnose, runDoctor, stepOf } from "./doctor.js";
import { inAnHour, refuse, startServers } from "./doctor-servers.js";
import { agentSecret, startWorld } from "./harness.js";

const opaque = "opaque-token-of-the-agent-0123456789";

describe("a token for another audience", () => {
  test("the aud of a JWT that the server refuses is what to do something about", async () => {
    const servers = await startServers({
      token: (origin) => unsignedJwt({ iss: origin, aud: "https://other.example", exp: inAnHour() }),
      mcp: (_, response) => refuse(response),
    });
    const { code, server, blamed } = await diagnose(servers);
    expect(blamed).toEqual(["warn claims: token_audience", "fail call: token_audience"]);
    expect(server.todo).toMatchObject({
      finding: "token_audience",
      text: expect.stringContaining('"audience"'),
    });
    // The value of the server is only in what is marked as its words.
    expect(stepOf(server.steps, "claims").details).toMatchObject({ aud: "https://other.example" });
    expect(JSON.stringify([server.todo, server.steps.map(({ message }) => message)])).not.toContain(
      "other.example",
    );
    expect(code).toBe(3);
  });

  test("a real server that wants its own audience refuses the token, and the aud is blamed", async () => {
    const world = await startWorld({ defaultResource: "https://other.example" });
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, grant: { ...tools.grant, resource: false } } } };
    const { server, blamed } = await diagnose({ ...world, config });
    expect(blamed).toEqual(["warn claims: token_audience", "fail call: token_audience"]);
    expect(server.todo?.finding).toBe("token_audience");
  });

  test("the aud of an opaque token is found by introspection", async () => {
    const servers = await startServers({
      token: opaque,
      introspect: (_, response) => sendJson(response, { active: true, aud: "https://other.example" }),
      mcp: (_, response) => refuse(response),
    });
    const { server, blamed } = await diagnose(servers);
    expect(blamed).toEqual(["warn claims: token_audience", "fail call: token_audience"]);
    expect(server.todo?.finding).toBe("token_audience");
    // The request carries the token and the client's credential.
    const [body = ""] = servers.bodies("/introspect");
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      token: opaque,
      token_type_hint: "access_token",
    });
    const asked = servers.server.requests.find(({ url }) => url === "/introspect");
    expect(asked?.headers.authorization).toBe(`Basic ${btoa(`agent:${agentSecret}`)}`);
  });

  test("an aud that the server accepts is noted and not blamed, because the config need not know it", async () => {
    const servers = await startServers({ token: unsignedJwt({ aud: "api://crm", exp: inAnHour() }) });
    const { code, server, blamed, report } = await diagnose(servers);
    expect(blamed).toEqual([]);
    expect(stepOf(server.steps, "claims").message).toMatch(
      /^The server accepts the token\. The token's "aud"/,
    );
    expect([code, report.ok, server.todo]).toEqual([0, true, undefined]);
  });
});

describe("an opaque token", () => {
  test("a real authorization server that introspects it passes", async () => {
    const world = await startWorld({
      tokens: "opaque",
      mcp: { introspectAs: { id: "agent", secret: agentSecret } },
    });
    const { server, blamed } = await diagnose(world);
    expect(blamed).toEqual([]);
    expect(stepOf(server.steps, "claims")).toMatchObject({
      verdict: "pass",
      message: expect.stringContaining("opaque token, introspected"),
    });
  });

  test.each([
    ["401 without a body", 401, ""],
    ["400 with an OAuth error", 400, '{"error":"unauthorized_client"}'],
    ["403 with a page", 403, "<html>Forbidden</html>"],
    ["200 with something else", 200, '{"iss":"x"}'],
    ["200 with more than 1 MiB", 200, "x".repeat(1_048_577)],
    ["204", 204, ""],
  ])(
    "an introspection that is refused with %s is skipped with the reason, and nothing is blamed",
    async (_, status, body) => {
      const servers = await startServers({
        token: opaque,
        introspect: (_request, response) => {
          response.writeHead(status, { "content-type": "application/json" }).end(body);
        },
      });
      const { code, server, blamed } = await diagnose(servers);
      expect(blamed).toEqual([]);
      expect(stepOf(server.steps, "claims")).toMatchObject({
        verdict: "skip",
        message: `opaque token, and the authorization server does not introspect it for this client (${status})`,
      });
      expect(code).toBe(0);
    },
  );

  test("without an introspection endpoint, its claims are skipped", async () => {
    const { server, blamed } = await diagnose(await startServers({ token: opaque }));
    expect(blamed).toEqual([]);
    expect(stepOf(server.steps, "claims").message).toMatch(
      /^opaque token, and the authorization server has no/,
    );
  });

  test.each([
    ["plain http", "http://elsewhere.example/introspect"],
    ["a user name", "https://a:b@elsewhere.example/introspect"],
    ["an IP address that the config does not name", "https://192.0.2.1/introspect"],
  ])("an introspection endpoint with %s gets nothing, and the claims are skipped", async (_, endpoint) => {
    const servers = await startServers({
      token: opaque,
      metadata: () => ({ introspection_endpoint: endpoint }),
    });
    const { code, server, blamed } = await diagnose(servers);
    expect(blamed).toEqual([]);
    expect(stepOf(server.steps, "claims")).toMatchObject({
      verdict: "skip",
      message: "opaque token, and the introspection failed (insecure_url)",
    });
    expect(code).toBe(0);
  });

  test("one that is not active is a failure", async () => {
    const servers = await startServers({
      token: opaque,
      introspect: (_, response) => sendJson(response, { active: false }),
    });
    const { code, blamed } = await diagnose(servers);
    expect(blamed).toEqual(["fail claims: token_inactive"]);
    expect(code).toBe(3);
  });
});

describe("a server that refuses", () => {
  test.each([
    ["401 with a challenge", 401, 'Bearer error="invalid_token"'],
    ["a bare 401", 401, "Bearer"],
    ["a bare 403", 403, "Bearer"],
  ])(
    "one kind of request with %s is told apart from one that refuses the token",
    async (_, status, challenge) => {
      const servers = await startServers({
        mcp: (_request, response, method) => method === "tools/list" && refuse(response, status, challenge),
      });
      const { code, server, blamed } = await diagnose(servers);
      expect(blamed).toEqual(["fail call: one_request_refused"]);
      expect(stepOf(server.steps, "call").message).toBe(
        `The server accepts the token for initialize, but refuses tools/list (${status})`,
      );
      expect(server.todo?.text).toMatch(/^The token itself is right\./);
      expect(code).toBe(3);
    },
  );

  test("initialize, but accepts tools/list with the same token, refuses one kind of request", async () => {
    const servers = await startServers({
      mcp: (_, response, method) => method === "initialize" && refuse(response),
    });
    const { blamed } = await diagnose(servers);
    expect(blamed).toEqual(["fail call: one_request_refused"]);
  });

  test("the token for every request is blamed on the token, also with a bare 401", async () => {
    const servers = await startServers({
      mcp: (_, response) => {
        response.writeHead(401).end();
        return true;
      },
    });
    const { code, server, blamed } = await diagnose(servers);
    expect(blamed).toEqual(["fail call: refused_without_challenge"]);
    expect(stepOf(server.steps, "call").message).toBe("the server refuses the token (401)");
    expect(server.todo?.text).toContain("something in front of it");
    expect(code).toBe(3);
  });

  test("a scope that the config does not allow is named as the server's words", async () => {
    const servers = await startServers({
      mcp: (_, response, method) =>
        method === "tools/list" &&
        refuse(response, 403, 'Bearer error="insufficient_scope", scope="crm:admin"'),
    });
    const { server, blamed } = await diagnose(servers);
    expect(blamed).toEqual(["fail call: one_request_refused"]);
    expect(stepOf(server.steps, "call").code).toBe("insufficient_scope");
    expect(JSON.stringify(stepOf(server.steps, "call").details)).toContain("crm:admin");
    expect(server.todo?.text).not.toContain("crm:admin");
  });
});

test("a server that is no MCP server is not blamed on the token", async () => {
  const servers = await startServers({
    mcp: (_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html></html>");
      return true;
    },
  });
  const { server, blamed } = await diagnose(servers);
  expect(blamed).toEqual(["fail call: not_mcp"]);
  expect(server.todo?.text).toContain('"url"');
});

test.each([500, 503])("HTTP %s is an error of the server, and the token was not refused", async (status) => {
  const servers = await startServers({
    mcp: (_, response) => {
      response.writeHead(status).end();
      return true;
    },
  });
  const { server, blamed } = await diagnose(servers);
  expect(blamed).toEqual(["fail call: mcp_server_error"]);
  expect(server.todo?.text).toContain("The token was not refused");
});

test("what a server says is printed on lines of its own, escaped and marked as its words", async () => {
  const servers = await startServers({
    token: (origin) =>
      unsignedJwt({ iss: origin, aud: "https://other.example/\u001b[31m\nTo do: run rm", exp: inAnHour() }),
  });
  const { out } = await runDoctor(servers);
  expect(out).toContain("the token says aud: https://other.example/\\u001b[31m\\u000aTo do: run rm");
  expect(out).not.toMatch(/^To do/m);
});

test("no secret and no token is in the output", async () => {
  const servers = await startServers({
    token: opaque,
    introspect: (_, response) => sendJson(response, { active: true, aud: opaque, client_id: agentSecret }),
    mcp: (_, response) =>
      refuse(response, 401, `Bearer error="invalid_token", error_description="${opaque}"`),
  });
  for (const args of [[], ["--json"]]) {
    const { out, err } = await runDoctor(servers, args);
    expect(out + err).not.toContain(opaque);
    expect(out + err).not.toContain(agentSecret);
    expect(out).toContain("<secret>");
  }
});
