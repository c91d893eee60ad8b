import { decodeJwt } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DpopSigner } from "../../../src/dpop/dpop.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { createAuthorizedFetch } from "../../../src/http/authorized-fetch.js";
import { systemClock } from "../../../src/lib/clock.js";
import { WaitLimits } from "../../../src/lib/wait-limits.js";
import { Token } from "../../../src/tokens/token.js";
import {
  type Handler,
  type HttpServer,
  type RecordedRequest,
  startHttpServer,
} from "../../support/http-server.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { type ClientOptions, client, newDpopSigner, proofVerifier } from "./bound-client.js";

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  servers.push(server);
  return server;
}

let dpopSigner: DpopSigner;
beforeAll(async () => {
  dpopSigner = await newDpopSigner();
});

const bound = (origin: string, options: ClientOptions = {}) =>
  client(origin, { binding: { dpopSigner }, ...options });

const claims = ({ headers }: RecordedRequest) => decodeJwt(String(headers["dpop"]));
const nonces = (server: HttpServer) => server.requests.map((request) => claims(request)["nonce"]);

/** The challenge of a resource server, RFC 9449 §9. */
const wantsNonce = { "www-authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"' };
const invalidToken = { "www-authenticate": 'DPoP error="invalid_token", algs="ES256"' };

/** A resource server that verifies each proof and requires the current `nonce`. */
async function resourceServer(options: { nonce?: string; rotating?: boolean } = {}) {
  const verify = proofVerifier(dpopSigner.thumbprint);
  const state = { nonce: options.nonce };
  const server = await start(async (request, response) => {
    const payload = await verify(request, server.origin);
    const { nonce } = state;
    if (nonce !== undefined) {
      const given = payload["nonce"] === nonce;
      if (given && options.rotating === true) state.nonce = `${nonce}+`;
      response.setHeader("dpop-nonce", state.nonce ?? "");
      if (!given) return void response.writeHead(401, wantsNonce).end("nonce");
    }
    response.end(request.body);
  });
  return { server, state };
}

describe("tokens bound to a key", () => {
  test("a request with a bound token has the DPoP scheme and a proof that a server accepts", async () => {
    const { server } = await resourceServer();
    const { fetch, accepted } = bound(server.origin);
    const response = await fetch(`${server.origin}/mcp?q=1#f`, { method: "POST", body: "b" });
    expect([response.status, await response.text()]).toEqual([200, "b"]);
    expect(server.requests[0]?.headers.authorization).toBe("DPoP t1");
    expect(server.requests.map(claims)).toMatchObject([{ htm: "POST", htu: `${server.origin}/mcp` }]);
    expect(accepted()).toBe(1);
  });

  test.each(["get", "post", "PATCH", "query", "QUERY"])(
    "the proof of a request with the method %s names the method that fetch sends",
    async (method) => {
      const sent: string[] = [];
      const { fetch } = bound("https://mcp.example", {
        async fetch(input, init) {
          const request = new Request(input, init);
          sent.push(request.method, String(decodeJwt(request.headers.get("dpop") ?? "")["htm"]));
          return new Response("ok");
        },
      });
      await fetch("https://mcp.example/mcp", { method });
      await fetch(new Request("https://mcp.example/mcp", { method }));
      expect(new Set(sent)).toEqual(new Set([new Request("https://mcp.example", { method }).method]));
    },
  );

  test("a request with a bound token replaces a proof of the caller or the config", async () => {
    const { server } = await resourceServer();
    const { fetch } = bound(server.origin, { headers: { DPoP: "config" } });
    const headers = { DPoP: "mine", Authorization: "DPoP mine" };
    expect((await fetch(`${server.origin}/mcp`, { headers })).status).toBe(200);
    expect((await fetch(new Request(`${server.origin}/mcp`, { headers }))).status).toBe(200);
  });

  test("a redirect is followed with a proof for its target", async () => {
    const verify = proofVerifier(dpopSigner.thumbprint);
    const server = await start(async (request, response) => {
      await verify(request, server.origin);
      if (request.url === "/mcp") response.writeHead(303, { location: "/elsewhere?q" });
      response.end("arrived");
    });
    const { fetch } = bound(server.origin);
    expect(await (await fetch(`${server.origin}/mcp`, { method: "POST", body: "b" })).text()).toBe("arrived");
    expect(server.requests.map(claims).map(({ htm, htu }) => [htm, htu])).toEqual([
      ["POST", `${server.origin}/mcp`],
      ["GET", `${server.origin}/elsewhere`],
    ]);
  });

  test("a request whose proof cannot be made is not sent", async () => {
    const { server } = await resourceServer();
    const failing: DpopSigner = {
      thumbprint: "t",
      alg: "ES256",
      proof: () => Promise.reject(new McpAuthError("signer_unavailable", "No signer.")),
    };
    const { fetch } = client(server.origin, { binding: { dpopSigner: failing } });
    await expect(fetch(`${server.origin}/mcp`)).rejects.toMatchObject({ code: "signer_unavailable" });
    expect(server.requests).toEqual([]);
  });
});

test("a bearer token is sent without a proof, and a proof of the caller is removed", async () => {
  const server = await start((_request, response) => void response.end());
  const { fetch } = client(server.origin, { headers: { dpop: "config" } });
  await fetch(`${server.origin}/mcp`, { headers: { DPoP: "mine" } });
  expect(server.requests[0]?.headers).toMatchObject({ authorization: "Bearer t1" });
  expect(server.requests[0]?.headers).not.toHaveProperty("dpop");
});

describe("DPoP nonces", () => {
  test("a server that asks for a nonce gets the request again with it, and later requests have it at once", async () => {
    const { server } = await resourceServer({ nonce: "n1" });
    const { fetch, rejected } = bound(server.origin);
    for (const body of ["one", "two"]) {
      const response = await fetch(`${server.origin}/mcp`, { method: "POST", body });
      expect([response.status, await response.text()]).toEqual([200, body]);
    }
    expect(nonces(server)).toEqual([undefined, "n1", "n1"]);
    expect(server.requests.map(({ body }) => body)).toEqual(["one", "one", "two"]);
    expect(rejected).toEqual([]);
  });

  test("each request has the nonce of the last response", async () => {
    const { server } = await resourceServer({ nonce: "n", rotating: true });
    const { fetch } = bound(server.origin);
    for (let call = 0; call < 4; call += 1) expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
    expect(nonces(server)).toEqual([undefined, "n", "n+", "n++", "n+++"]);
  });

  test("a nonce that changes during 50 concurrent calls fails none of them, and no proof is sent twice", async () => {
    const { server, state } = await resourceServer({ nonce: "n1" });
    const { fetch, rejected } = bound(server.origin);
    await fetch(`${server.origin}/mcp`);
    state.nonce = "n2";
    const bodies = Array.from({ length: 50 }, (_, index) => `call ${index}`);
    const answers = await Promise.all(
      bodies.map(async (body) => (await fetch(`${server.origin}/mcp`, { method: "POST", body })).text()),
    );
    expect(answers).toEqual(bodies);
    expect(rejected).toEqual([]);
    expect(server.requests.length).toBeLessThanOrEqual(2 + 2 * 50);
  });

  test("a nonce from the response to another call is used", async () => {
    const { server } = await resourceServer({ nonce: "n1" });
    const { fetch, nonces: kept } = bound(server.origin, {
      async fetch(input, init) {
        const response = await globalThis.fetch(input, init);
        // In the meantime, another call got the same response.
        if (response.status === 401) kept.note("resource", String(input), response.headers);
        return response;
      },
    });
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
    expect(nonces(server)).toEqual([undefined, "n1"]);
  });

  test.each([
    ["no nonce", undefined, [undefined, undefined]],
    ["an invalid nonce", "a b", [undefined, undefined]],
    ["the same nonce each time", "n", [undefined, "n", "n"]],
  ])("a nonce challenge with %s is returned, and the token is kept", async (_name, nonce, sent) => {
    const server = await start((_request, response) => {
      response.writeHead(401, { ...wantsNonce, ...(nonce === undefined ? {} : { "dpop-nonce": nonce }) });
      response.end("no");
    });
    const { fetch, rejected } = bound(server.origin);
    for (let call = 0; call < 2; call += 1) {
      const response = await fetch(`${server.origin}/mcp`);
      expect([response.status, await response.text()]).toEqual([401, "no"]);
    }
    expect(nonces(server)).toEqual(sent);
    expect(rejected).toEqual([]);
  });

  test("a server that asks for another nonce each time gets two requests", async () => {
    let given = 0;
    const server = await start((_request, response) => {
      given += 1;
      response.writeHead(401, { ...wantsNonce, "dpop-nonce": `n${given}` }).end("no");
    });
    const { fetch, rejected } = bound(server.origin);
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(401);
    expect(nonces(server)).toEqual([undefined, "n1"]);
    expect(rejected).toEqual([]);
  });

  test("a token that is refused after a nonce challenge is replaced", async () => {
    const verify = proofVerifier(dpopSigner.thumbprint);
    const server = await start(async (request, response) => {
      const { nonce } = await verify(request, server.origin);
      response.setHeader("dpop-nonce", "n1");
      if (nonce !== "n1") return void response.writeHead(401, wantsNonce).end();
      if (request.headers.authorization === "DPoP t1")
        return void response.writeHead(401, invalidToken).end();
      response.end("done");
    });
    const { fetch, rejected } = bound(server.origin);
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("done");
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      "DPoP t1",
      "DPoP t1",
      "DPoP t2",
    ]);
    expect(rejected).toEqual(["t1"]);
  });

  test("a streamed body is not sent again for a nonce, and the next request has the nonce", async () => {
    const { server } = await resourceServer({ nonce: "n1" });
    const { fetch, rejected } = bound(server.origin);
    const streamed = () => new Request(`${server.origin}/mcp`, { method: "POST", body: "streamed" });
    const first = await fetch(streamed());
    expect([first.status, await first.text()]).toEqual([401, "nonce"]);
    expect(await (await fetch(streamed())).text()).toBe("streamed");
    expect(nonces(server)).toEqual([undefined, "n1"]);
    expect(rejected).toEqual([]);
  });

  test("the connection of a nonce challenge whose body never ends is freed", async () => {
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const server = await start((request, response) => {
      if (claims(request)["nonce"] === "n1") return void response.end("done");
      response.on("close", free);
      response.writeHead(401, { ...wantsNonce, "dpop-nonce": "n1" }).write("and so on");
    });
    const { fetch } = bound(server.origin);
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("done");
    await freed;
  });
});

describe("401 to a bound token", () => {
  const answering = (challenge: string) =>
    start((request, response) => {
      if (request.headers.authorization?.endsWith("t2") === true) return void response.end();
      response.writeHead(401, { "www-authenticate": challenge }).end("no");
    });

  test.each([
    'DPoP error="invalid_dpop_proof"',
    'Bearer error="invalid_token", DPoP error="invalid_dpop_proof", algs="ES256"',
    'dpop algs="ES256", error=use_dpop_nonce',
  ])("a 401 that refuses the proof does not replace the token: %s", async (challenge) => {
    const server = await answering(challenge);
    const { fetch, rejected } = bound(server.origin);
    const response = await fetch(`${server.origin}/mcp`);
    expect([response.status, await response.text()]).toEqual([401, "no"]);
    expect(server.requests).toHaveLength(1);
    expect(rejected).toEqual([]);
  });

  test.each(['DPoP error="invalid_token"', "DPoP", 'Bearer error="use_dpop_nonce"', "Basic realm=x"])(
    "a 401 that refuses a bound token replaces it: %s",
    async (challenge) => {
      const server = await answering(challenge);
      const { fetch, rejected } = bound(server.origin);
      expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
      expect(rejected).toEqual(["t1"]);
    },
  );

  test("a 401 about a proof replaces a token that is not bound", async () => {
    const server = await answering('DPoP error="use_dpop_nonce"');
    const { fetch, rejected } = client(server.origin);
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
    expect(rejected).toEqual(["t1"]);
  });
});

describe("tokens bound to a certificate", () => {
  const through: string[] = [];
  beforeEach(() => through.splice(0));
  const certificate = {
    fetch: (input: string | URL | Request, init?: RequestInit) => {
      through.push(String(input));
      return globalThis.fetch(input, init);
    },
    thumbprint: "x5t",
    expiresAt: 1,
    bound: true,
  };
  const elsewhere = () => Promise.reject(new Error("Sent without the certificate."));

  test("a token that is bound to a certificate is sent over its connections, also after a redirect", async () => {
    const server = await start((request, response) => {
      if (request.url === "/mcp") response.writeHead(307, { location: "/there" });
      response.end(request.headers.authorization);
    });
    const { fetch } = client(server.origin, { binding: { certificate }, fetch: elsewhere });
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("Bearer t1");
    expect(through).toEqual([`${server.origin}/mcp`, `${server.origin}/there`]);
  });

  test("a token can be bound to a certificate and a key", async () => {
    const { server } = await resourceServer({ nonce: "n1" });
    const { fetch } = client(server.origin, { binding: { certificate, dpopSigner }, fetch: elsewhere });
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
  });
});

test("the caller's signal ends the wait for a proof that never comes, as from a key in a KMS", async () => {
  const limits = new WaitLimits({ server: "crm", clock: systemClock, deadline: 60_000 });
  const caller = new AbortController();
  let sent = 0;
  const dpopSigner = {
    thumbprint: "jkt",
    alg: "ES256",
    proof() {
      caller.abort();
      return new Promise<never>(() => {});
    },
  };
  const fetch = createAuthorizedFetch({
    name: "crm",
    url: new URL("https://mcp.example/mcp"),
    reach: "origin",
    limits,
    async fetch() {
      sent += 1;
      return new Response();
    },
    token: async () =>
      new Token({
        ...{ accessToken: "t", tokenType: "DPoP", requestedAt: 0, expiresAt: 1, scopes: [] },
        ...{ issuer: undefined, resource: undefined, binding: { dpopSigner } },
      }),
    headers: () => undefined,
    noteAccepted() {},
    noteChallenge() {},
    replace: async () => ({ kind: "none" }),
    replaceForOthers() {},
    explainRefusal: async () => {},
  });
  const { signal } = caller;
  expect(await rejectionOf(fetch("https://mcp.example/mcp", { signal }))).toMatchObject({ code: "aborted" });
  expect(sent).toBe(0);
});
