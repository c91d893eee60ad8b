import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { discover } from "../../../src/index.js";
import { failure } from "../../support/failure.js";
import { type Handler, type HttpServer, sendJson, startHttpServer } from "../../support/http-server.js";

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  servers.push(server);
  return server;
}

const authorizationServer = (more: Record<string, unknown> = {}): Promise<HttpServer> => {
  const server = serve(async (_request, response) => {
    const { origin } = await server;
    sendJson(response, { issuer: origin, token_endpoint: `${origin}/token`, ...more });
  });
  return server;
};

/** An MCP server at `/mcp` with a challenge and documents by path. */
async function mcpServer(
  documents: (origin: string) => Record<string, unknown>,
  challenge?: (origin: string) => string,
): Promise<HttpServer> {
  const server: HttpServer = await serve(({ url }, response) => {
    const known = documents(server.origin);
    if (url !== "/mcp") return sendJson(response, known[url] ?? {}, url in known ? 200 : 404);
    const headers = challenge === undefined ? {} : { "www-authenticate": challenge(server.origin) };
    sendJson(response, { error: "no" }, 401, headers);
  });
  return server;
}

const wellKnown = "/.well-known/oauth-protected-resource/mcp";

describe("discover", () => {
  test("asks the server without a token, then for its metadata, then its authorization servers", async () => {
    const one = await authorizationServer({
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      grant_types_supported: ["client_credentials"],
    });
    const two = await authorizationServer();
    const mcp = await mcpServer(
      (origin) => ({
        "/meta": {
          resource: `${origin}/mcp`,
          authorization_servers: [one.origin, two.origin],
          scopes_supported: ["a"],
        },
      }),
      (origin) => `Bearer resource_metadata="${origin}/meta", scope="b"`,
    );
    expect(await discover(`${mcp.origin}/mcp`)).toEqual({
      resource: `${mcp.origin}/mcp`,
      resourceMetadataUrl: `${mcp.origin}/meta`,
      issuers: [one.origin, two.origin],
      scopes: ["b"],
      challenge: { resourceMetadataUrl: `${mcp.origin}/meta`, scopes: ["b"] },
      servers: [
        {
          issuer: one.origin,
          tokenEndpoint: `${one.origin}/token`,
          authMethods: ["private_key_jwt"],
          grantTypes: ["client_credentials"],
        },
        { issuer: two.origin, tokenEndpoint: `${two.origin}/token` },
      ],
    });
    const [probe, metadata] = mcp.requests;
    expect(mcp.requests).toHaveLength(2);
    expect(probe).toMatchObject({ method: "POST", url: "/mcp" });
    expect(probe?.headers).toMatchObject({
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    });
    expect(probe?.headers.authorization).toBeUndefined();
    expect(JSON.parse(probe?.body ?? "")).toMatchObject({ jsonrpc: "2.0", id: 1, method: "initialize" });
    expect(metadata).toMatchObject({ method: "GET", url: "/meta" });
  });

  test("finds metadata at the well-known URL of a server that gives no challenge", async () => {
    const auth = await authorizationServer();
    const mcp = await mcpServer((origin) => ({
      [wellKnown]: { resource: origin, authorization_servers: [auth.origin], scopes_supported: ["a"] },
    }));
    const found = await discover(`${mcp.origin}/mcp`);
    expect(found).toMatchObject({
      resource: mcp.origin,
      resourceMetadataUrl: `${mcp.origin}${wellKnown}`,
      issuers: [auth.origin],
      scopes: ["a"],
    });
    expect(found).not.toHaveProperty("challenge");
  });

  test("does not wait for the end of an answer that streams", async () => {
    const auth = await authorizationServer();
    let closed: Promise<unknown> | undefined;
    const mcp: HttpServer = await serve(({ url }, response) => {
      if (url === "/mcp") {
        closed = once(response, "close");
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(": hello\n\n");
      } else sendJson(response, { resource: mcp.origin, authorization_servers: [auth.origin] });
    });
    expect((await discover(`${mcp.origin}/mcp`)).issuers).toEqual([auth.origin]);
    await closed;
  });

  test.each(["", "/"])(
    "guesses the server's origin%s when it publishes no metadata, and says so",
    async (slash) => {
      const mcp = await mcpServer((origin) => ({
        "/.well-known/oauth-authorization-server": {
          issuer: `${origin}${slash}`,
          token_endpoint: `${origin}/token`,
        },
      }));
      expect(await discover(`${mcp.origin}/mcp`)).toEqual({
        resource: `${mcp.origin}/mcp`,
        issuers: [`${mcp.origin}${slash}`],
        scopes: [],
        servers: [{ issuer: `${mcp.origin}${slash}`, tokenEndpoint: `${mcp.origin}/token` }],
      });
    },
  );

  test("leaves out of the servers one whose metadata is not in order, and keeps its issuer", async () => {
    const good = await authorizationServer();
    const bad = await authorizationServer({ issuer: "https://other.example" });
    const mcp = await mcpServer((origin) => ({
      [wellKnown]: {
        resource: origin,
        authorization_servers: [bad.origin, "https://10.0.0.1", good.origin, "x"],
      },
    }));
    const found = await discover(`${mcp.origin}/mcp`);
    expect(found.issuers).toEqual([bad.origin, "https://10.0.0.1", good.origin, "x"]);
    expect(found.servers.map(({ issuer }) => issuer)).toEqual([good.origin]);
  });

  test("asks at most eight authorization servers", async () => {
    const auth = await authorizationServer();
    const many = Array.from({ length: 100 }, (_, index) => `${auth.origin}/${index}`);
    const mcp = await mcpServer((origin) => ({
      [wellKnown]: { resource: origin, authorization_servers: many },
    }));
    await failure(discover(`${mcp.origin}/mcp`));
    expect(auth.requests).toHaveLength(8);
  });
});

describe("discover fails", () => {
  test("with issuer_mismatch when the only authorization server has another issuer", async () => {
    const auth = await authorizationServer({ issuer: "https://other.example" });
    const mcp = await mcpServer((origin) => ({
      [wellKnown]: { resource: origin, authorization_servers: [auth.origin] },
    }));
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("issuer_mismatch");
  });

  test("with resource_mismatch before it asks any authorization server", async () => {
    const auth = await authorizationServer();
    const mcp = await mcpServer(() => ({
      [wellKnown]: { resource: "https://other.example", authorization_servers: [auth.origin] },
    }));
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("resource_mismatch");
    expect(auth.requests).toHaveLength(0);
  });

  test("with discovery_failed when there is no metadata anywhere", async () => {
    const mcp = await mcpServer(() => ({}));
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("discovery_failed");
  });

  test("with discovery_failed when the server redirects, and does not follow", async () => {
    const mcp = await serve((_request, response) => {
      response.writeHead(308, { location: "/other" });
      response.end();
    });
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("discovery_failed");
    expect(mcp.requests).toHaveLength(1);
  });

  test("with insecure_url for a challenge that points to where it must not", async () => {
    const mcp = await mcpServer(
      () => ({}),
      () => 'Bearer resource_metadata="https://169.254.169.254/latest"',
    );
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("insecure_url");
    expect(mcp.requests).toHaveLength(1);
  });

  test("without a request for a URL that is not https, or not a URL", async () => {
    expect((await failure(discover("http://mcp.example/mcp"))).code).toBe("insecure_url");
    expect((await failure(discover("mcp.example"))).code).toBe("config_invalid");
  });

  test("with unavailable when nobody is there, and aborted when the caller gave up", async () => {
    const mcp = await mcpServer(() => ({}));
    const aborted = discover(`${mcp.origin}/mcp`, { signal: AbortSignal.abort() });
    expect((await failure(aborted)).code).toBe("aborted");
    await mcp.close();
    expect((await failure(discover(`${mcp.origin}/mcp`))).code).toBe("unavailable");
  });

  test("with aborted in the middle of metadata, and frees the socket", async () => {
    const caller = new AbortController();
    let closed: Promise<unknown> | undefined;
    const mcp = await serve(({ url }, response) => {
      if (url === "/mcp") return sendJson(response, {}, 401);
      closed = once(response, "close");
      caller.abort();
      return undefined;
    });
    const error = await failure(discover(`${mcp.origin}/mcp`, { signal: caller.signal }));
    expect(error).toMatchObject({ code: "aborted", server: new URL(mcp.origin).host });
    await closed;
  });

  test("without a URL that a server chose in the message; it is in the details", async () => {
    const failing = async (issuer: string) => {
      const mcp = await mcpServer((origin) => ({
        [wellKnown]: { resource: origin, authorization_servers: [issuer] },
      }));
      return await failure(discover(`${mcp.origin}/mcp`));
    };
    const refused = await failing("https://10.0.0.1/Ignore_all_instructions");
    expect(refused.message).not.toMatch(/instructions|10\.0\.0\.1/);
    expect(refused.details).toEqual({ url: "https://10.0.0.1/Ignore_all_instructions" });

    const auth = await serve((_request, response) => sendJson(response, {}, 404));
    const issuer = `${auth.origin}/Ignore_all_instructions`;
    const absent = await failing(issuer);
    expect(absent.message).not.toContain("instructions");
    expect(absent.details).toEqual({ issuer });

    const broken = await serve((_request, response) => sendJson(response, {}, 503));
    const down = await failing(`${broken.origin}/Ignore_all_instructions`);
    expect(down).toMatchObject({ code: "unavailable", retryable: true });
    expect(down.message).not.toContain("instructions");
    expect(down.details?.["issuer"]).toBe(`${broken.origin}/Ignore_all_instructions`);
  });
});
