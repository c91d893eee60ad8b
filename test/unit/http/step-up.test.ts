import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { DpopSigner } from "../../../src/dpop/dpop.js";
import { type Handler, type HttpServer, startHttpServer } from "../../support/http-server.js";
import { client, newDpopSigner, type StepUpAnswer } from "./bound-client.js";

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  servers.push(server);
  return server;
}

const insufficient = 'Bearer error="insufficient_scope", scope="read write"';

/** Responds 403 with a challenge to any token but this one. */
const wanting = (good: string, challenge = insufficient) =>
  start((request, response) => {
    if (request.headers.authorization?.split(" ")[1] === good) return void response.end(request.body);
    response.writeHead(403, { "www-authenticate": challenge }).end("more");
  });

const authorizations = (server: HttpServer) => server.requests.map(({ headers }) => headers.authorization);

describe("insufficient_scope", () => {
  test("a request refused for missing scopes is sent again with a token that has them", async () => {
    const server = await wanting("wide");
    const { fetch, stepUps, rejected, accepted } = client(server.origin, { stepUp: () => "wide" });
    const response = await fetch(`${server.origin}/mcp`, { method: "POST", body: "b" });
    expect([response.status, await response.text()]).toEqual([200, "b"]);
    expect(stepUps).toEqual([{ scopes: ["read", "write"], token: "t1" }]);
    expect(authorizations(server)).toEqual(["Bearer t1", "Bearer wide"]);
    expect([rejected, accepted()]).toEqual([[], 1]);
  });

  test.each([
    ["there is no other token", () => undefined],
    ["the token is the same", () => "t1"],
    ["the runtime was stopped", () => "stopped"],
  ] satisfies [string, StepUpAnswer][])(
    "a 403 for missing scopes is returned if %s",
    async (_name, stepUp) => {
      const server = await wanting("wide");
      const { fetch, stepUps } = client(server.origin, { stepUp });
      const response = await fetch(`${server.origin}/mcp`);
      expect([response.status, await response.text()]).toEqual([403, "more"]);
      expect(stepUps).toHaveLength(1);
      expect(server.requests).toHaveLength(1);
    },
  );

  test("a request whose missing scopes the config does not allow rejects, and its connection is freed", async () => {
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const server = await start((_request, response) => {
      response.on("close", free);
      response.writeHead(403, { "www-authenticate": insufficient }).write("and so on");
    });
    const { fetch } = client(server.origin, { stepUp: () => "insufficient_scope" });
    await expect(fetch(`${server.origin}/mcp`)).rejects.toMatchObject({ code: "insufficient_scope" });
    await freed;
  });

  test("one call follows three step-ups, and returns the next 403", async () => {
    const server = await start((request, response) => {
      const token = request.headers.authorization?.split(" ")[1];
      const challenge = `Bearer error="insufficient_scope", scope="after-${token}"`;
      response.writeHead(403, { "www-authenticate": challenge }).end("more");
    });
    const { fetch, stepUps } = client(server.origin, { stepUp: ({ token }) => `${token}+` });
    const response = await fetch(`${server.origin}/mcp`);
    expect([response.status, await response.text()]).toEqual([403, "more"]);
    expect(stepUps.map(({ scopes }) => scopes)).toEqual([["after-t1"], ["after-t1+"], ["after-t1++"]]);
    expect(authorizations(server)).toEqual(["t1", "t1+", "t1++", "t1+++"].map((token) => `Bearer ${token}`));
  });

  test("a token from a step-up that gets a 401 is replaced", async () => {
    const server = await start((request, response) => {
      const token = request.headers.authorization?.split(" ")[1];
      if (token === "t2") return void response.end("done");
      if (token === "wide") return void response.writeHead(401).end();
      response.writeHead(403, { "www-authenticate": insufficient }).end();
    });
    const { fetch, rejected } = client(server.origin, { stepUp: () => "wide" });
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("done");
    expect(rejected).toEqual(["wide"]);
  });

  test("a 403 to a body that cannot be sent again is returned, and no token is requested", async () => {
    const server = await wanting("wide");
    const { fetch, stepUps } = client(server.origin, { stepUp: () => "wide" });
    const response = await fetch(new Request(`${server.origin}/mcp`, { method: "POST", body: "streamed" }));
    expect([response.status, await response.text()]).toEqual([403, "more"]);
    expect(stepUps).toEqual([]);
  });

  test("a 403 from another path of the origin is returned, because it may be another resource", async () => {
    const server = await wanting("wide");
    const { fetch, stepUps } = client(server.origin, { stepUp: () => "wide" });
    expect((await fetch(`${server.origin}/mcp2`)).status).toBe(403);
    expect(stepUps).toEqual([]);
    expect((await fetch(`${server.origin}/mcp/messages`)).status).toBe(200);
  });

  test("a 403 from a URL with another query than the server's is returned, because it may be another resource", async () => {
    const server = await wanting("wide");
    const path = "/mcp?tenant=alice";
    const { fetch, stepUps } = client(server.origin, { stepUp: () => "wide", path });
    expect((await fetch(`${server.origin}/mcp?tenant=bob`)).status).toBe(403);
    expect(stepUps).toEqual([]);
    expect((await fetch(`${server.origin}${path}`)).status).toBe(200);
  });
});

test.each([
  ["no challenge", ""],
  ["another error", 'Bearer error="invalid_token", scope="read"'],
  ["no error", 'Bearer scope="read"'],
  ["no scope", 'Bearer error="insufficient_scope"'],
  ["an empty scope", 'Bearer error="insufficient_scope", scope="  "'],
  ["another scheme", 'Basic error="insufficient_scope", scope="read"'],
])("a 403 with %s is returned, and no token is requested", async (_name, challenge) => {
  const server = await wanting("wide", challenge);
  const { fetch, stepUps } = client(server.origin, { stepUp: () => "wide" });
  const response = await fetch(`${server.origin}/mcp`);
  expect([response.status, await response.text()]).toEqual([403, "more"]);
  expect(stepUps).toEqual([]);
});

describe("several challenges", () => {
  let dpopSigner: DpopSigner;
  beforeAll(async () => {
    dpopSigner = await newDpopSigner();
  });
  const both = `Bearer realm="x", Bearer error="insufficient_scope", scope="for-bearer", DPoP error="insufficient_scope", scope="for-dpop"`;

  test.each([
    ["Bearer", both, ["for-bearer"]],
    ["DPoP", both, ["for-dpop"]],
    ["Bearer", 'DPoP error="insufficient_scope", scope="for-dpop"', ["for-dpop"]],
    ["DPoP", insufficient, ["read", "write"]],
  ])(
    "a %s token follows the challenge of its own scheme, else that of the other scheme: %s",
    async (tokenType, challenge, scopes) => {
      const server = await wanting("wide", challenge);
      const { fetch, stepUps } = client(server.origin, {
        stepUp: () => "wide",
        ...(tokenType === "DPoP" && { binding: { dpopSigner } }),
      });
      expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
      expect(stepUps.map((one) => one.scopes)).toEqual([scopes]);
      expect(authorizations(server)).toEqual([`${tokenType} t1`, `${tokenType} wide`]);
    },
  );
});

describe("endless refusals", () => {
  const answers = {
    unauthorized: (serial: number) =>
      new Response(`${serial}`, {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="invalid_token"' },
      }),
    forbidden: (serial: number) =>
      new Response(`${serial}`, {
        status: 403,
        headers: { "www-authenticate": `DPoP error="insufficient_scope", scope="s${serial}"` },
      }),
    nonce: (serial: number) =>
      new Response(`${serial}`, {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": `n${serial}` },
      }),
    redirect: (serial: number) =>
      new Response(`${serial}`, { status: 307, headers: { location: `/mcp/${serial}` } }),
  };
  const names = ["unauthorized", "forbidden", "nonce", "redirect"] as const;
  const patterns = names.flatMap((first) =>
    names.flatMap((second) =>
      names.flatMap((third) => names.map((fourth) => [first, second, third, fourth] as const)),
    ),
  );
  // Redirects, step-ups, one rejection and the first request, each sent once more for a nonce.
  const most = 2 * (5 + 3 + 1 + 1);

  test("a call to a server that refuses every token ends after a bounded number of requests, for every sequence of responses", async () => {
    const dpopSigner = await newDpopSigner();
    let longest = 0;
    for (const pattern of patterns) {
      let sent = 0;
      const { fetch } = client("https://mcp.example", {
        binding: { dpopSigner },
        stepUp: ({ token }) => `${token}+`,
        async fetch() {
          const answer = pattern[sent % pattern.length] ?? "nonce";
          sent += 1;
          if (sent > most) throw new Error(`No end for ${pattern.join(", ")}.`);
          return answers[answer](sent);
        },
      });
      const outcome = await fetch("https://mcp.example/mcp", { method: "POST", body: "b" }).then(
        ({ status }) => status,
        (error: { code?: string; message: string }) => error.code ?? error.message,
      );
      expect([401, 403, "egress_denied"]).toContain(outcome);
      longest = Math.max(longest, sent);
    }
    expect(patterns).toHaveLength(256);
    expect(longest).toBeGreaterThan(10);
  });
});
