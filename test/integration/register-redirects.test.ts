// Requests that another site redirects to a server get no token: otherwise that site could choose authorized requests.
import { Agent, interceptors, fetch as undiciFetch, request as undiciRequest } from "undici";
import { describe, expect, test } from "vitest";
import { type HttpServer, sendJson } from "../support/http-server.js";
import { sendToken, startScriptedIssuer, startScriptedServer } from "./harness.js";
import { createRegisteredRuntime } from "./registered-runtime.js";

interface Sites {
  /** URL of a server whose manager already has a token. */
  readonly url: string;
  /** Another site, which redirects to the URL in its path. */
  readonly other: HttpServer;
  redirectTo(location: string): string;
  /** Returns the paths of the requests to the server, each with its Authorization header or `without`. */
  calls(): readonly string[];
}

async function startSites(): Promise<Sites> {
  const world = await startScriptedIssuer(
    (_request, response) => sendToken(response, "t1"),
    (request, response) => {
      if (request.url.endsWith("/moved")) response.writeHead(307, { location: "/mcp/found" }).end();
      else sendJson(response, {});
    },
  );
  const other = await startScriptedServer((request, response) => {
    response.writeHead(302, { location: decodeURIComponent(request.url.slice(1)) }).end();
  });
  const auth = await createRegisteredRuntime(world);
  await auth.resolve("tools").getToken();
  return {
    url: world.url,
    other,
    redirectTo: (location) => `${other.origin}/${encodeURIComponent(location)}`,
    calls: () =>
      world.server.requests
        .filter(({ url }) => url.startsWith("/mcp"))
        .map(({ url, headers }) => `${url} ${headers.authorization ?? "without"}`),
  };
}

const following = new Agent().compose(interceptors.redirect({ maxRedirections: 3 }));

/** Every client with which a program can follow redirects. */
const clients: ReadonlyArray<readonly [name: string, get: (url: string) => Promise<unknown>]> = [
  ["the global fetch", async (url) => (await fetch(url)).text()],
  [
    "the global fetch with a User-Agent of the program",
    async (url) => (await fetch(url, { headers: { "user-agent": "agent/1.0" } })).text(),
  ],
  ["the fetch of a copy of undici", async (url) => (await undiciFetch(url)).text()],
  [
    "the request of a copy of undici",
    async (url) => (await undiciRequest(url, { dispatcher: following })).body.text(),
  ],
];

describe.each(clients)("redirects of another site to a server, with %s", (name, get) => {
  test(`with ${name}, a redirect of another site to a server gets no token, and neither does the server's own redirect of it`, async () => {
    const { url, redirectTo, calls } = await startSites();
    await get(redirectTo(url));
    await get(redirectTo(`${url}/moved`));
    expect(calls()).toEqual(["/mcp without", "/mcp/moved without", "/mcp/found without"]);
  });

  test(`with ${name}, a request to a URL gets a token after another site has redirected to that URL`, async () => {
    const { url, redirectTo, calls } = await startSites();
    await get(redirectTo(url));
    await get(url);
    expect(calls()).toEqual(["/mcp without", "/mcp Bearer t1"]);
  });

  test.each([
    ["with capitals", (url: string) => url.replace("http", "HTTP"), "/mcp"],
    ["with dot segments", (url: string) => `${url}/x/../y`, "/mcp/y"],
    ["with a fragment", (url: string) => `${url}#part`, "/mcp"],
    ["with an empty query", (url: string) => `${url}/x?`, "/mcp/x"],
    ["with a byte beyond ASCII", (url: string) => `${url}/\u00e9`, expect.stringMatching(/^\/mcp\/%/)],
    ["with UTF-8", (url: string) => `${url}/\u00c3\u00a9`, expect.stringMatching(/^\/mcp\/%/)],
    ["by way of a third site", (url: string, by: Sites["redirectTo"]) => by(url), "/mcp"],
  ])(
    `with ${name}, a redirect of another site to a server's URL %s gets no token`,
    async (_how, written, path) => {
      const { url, redirectTo, calls } = await startSites();
      await get(redirectTo(written(url, redirectTo)));
      const [called = "", token] = calls().join().split(" ");
      expect([called.replace("?", ""), token]).toEqual([path, "without"]);
    },
  );
});

test("a copy of undici follows a redirect of the server to itself with the token", async () => {
  const { url, calls } = await startSites();
  await (await undiciFetch(`${url}/moved`)).text();
  expect(calls()).toEqual(["/mcp/moved Bearer t1", "/mcp/found Bearer t1"]);
});
