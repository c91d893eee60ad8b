import { describe, expect, it, onTestFinished } from "vitest";
import type { FetchFunction } from "../../../src/net/bounded-fetch.js";
import { readSecret } from "../../../src/secrets/read-secret.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { type Handler, sendJson, startHttpServer } from "../../support/http-server.js";
import { readFailureOf } from "./read-failure-of.js";

const requestToken = "canary.request.token";

async function service(handler: Handler, query = "?api-version=2.0") {
  const server = await startHttpServer(handler);
  onTestFinished(() => server.close());
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/idtoken/1a2b${query}`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
  };
  return { server, env };
}

const says = (problem: string) =>
  `Server "crm": could not read the secret from the ID token of a GitHub Actions job: ${problem}`;
const reference = { githubActions: { audience: "https://auth.example" } };

describe("the ID token of a GitHub Actions job", () => {
  it("is requested only through the fetch of a network, which verifies the server", async () => {
    const { server, env } = await service((_, response) => sendJson(response, { value: "a.b.c" }));
    await expect(readSecret(reference, { server: "crm", env })).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it.each<[audience: string | undefined, query: string, url: string]>([
    [undefined, "?api-version=2.0", "/idtoken/1a2b?api-version=2.0"],
    [
      "https://auth.example/a b",
      "?api-version=2.0",
      "/idtoken/1a2b?api-version=2.0&audience=https%3A%2F%2Fauth.example%2Fa%20b",
    ],
    ["a&b=c#d+e", "?x=a%20b+c", "/idtoken/1a2b?x=a%20b+c&audience=a%26b%3Dc%23d%2Be"],
    ["ä", "", "/idtoken/1a2b?audience=%C3%A4"],
  ])(
    "is requested with the audience %s, and the rest of the URL is unchanged",
    async (audience, query, url) => {
      const { server, env } = await service(
        (_, response) => sendJson(response, { count: 1, value: "a.b.c" }),
        query,
      );
      const githubActions = audience === undefined ? {} : { audience };
      const secret = await readSecret({ githubActions }, { server: "crm", env, fetch });
      expect(secret.reveal()).toBe("a.b.c");
      expect(server.requests).toMatchObject([{ method: "GET", url, body: "" }]);
      expect(server.requests[0]?.headers).toMatchObject({
        authorization: `Bearer ${requestToken}`,
        accept: "application/json",
      });
    },
  );

  it("is requested at each read, through the fetch of the runtime", async () => {
    let count = 0;
    const { env } = await service((_, response) => sendJson(response, { value: `token-${++count}` }));
    const requestedUrls: string[] = [];
    const fetch: FetchFunction = (input, init) => {
      requestedUrls.push(String(input));
      return globalThis.fetch(input, init);
    };
    const context = { server: "crm", env, fetch };
    expect((await readSecret(reference, context)).reveal()).toBe("token-1");
    expect((await readSecret(reference, context)).reveal()).toBe("token-2");
    expect(requestedUrls).toHaveLength(2);
  });
});

describe("without the variables of a GitHub Actions job", () => {
  const url = "https://actions.example/idtoken?api-version=2.0";

  it.each<[string, Readonly<Record<string, string>>]>([
    ["neither is set", {}],
    ["the token is not set", { ACTIONS_ID_TOKEN_REQUEST_URL: url }],
    ["the token is empty", { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "" }],
    ["the URL is not set", { ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken }],
    ["the URL is empty", { ACTIONS_ID_TOKEN_REQUEST_URL: "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken }],
  ])("the error says where these variables exist, and with which permission: %s", async (_, env) => {
    const error = await readFailureOf(reference, { env, fetch: unused });
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false });
    expect(error.message).toBe(
      says(
        "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set. They are set only inside a GitHub " +
          "Actions job, and only with `permissions: { id-token: write }` in its workflow.",
      ),
    );
  });

  it.each([
    "http://actions.example/canary",
    "ftp://127.0.0.1/canary",
    "canary",
    "http://127.0.0.1.example/canary",
  ])("the request token is not sent to an insecure URL: %s", async (address) => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken };
    const error = await readFailureOf(reference, { env, fetch: unused });
    expect(error).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL."),
    });
  });
});

describe("an ID token service that returns no token", () => {
  it.each<[status: number, retryable: boolean, advice: string]>([
    [400, false, "Check `permissions: { id-token: write }` of the job."],
    [401, false, "Check `permissions: { id-token: write }` of the job."],
    [403, false, "Check `permissions: { id-token: write }` of the job."],
    [404, false, "Check `permissions: { id-token: write }` of the job."],
    [302, false, "Check `permissions: { id-token: write }` of the job."],
    [408, true, "Try again later."],
    [429, true, "Try again later."],
    [500, true, "Try again later."],
    [503, true, "Try again later."],
  ])("is an error for the status %i", async (status, retryable, advice) => {
    const { server, env } = await service((_, response) =>
      sendJson(response, { message: "canary" }, status, { location: "https://canary.example/" }),
    );
    expect(await readFailureOf(reference, { env, fetch })).toMatchObject({
      code: "secret_unavailable",
      retryable,
      message: says(`its service answered ${status}. ${advice}`),
    });
    expect(server.requests).toHaveLength(1);
  });

  it("with a Retry-After is an error with retryAfter in milliseconds", async () => {
    const { env } = await service((_, response) => sendJson(response, {}, 429, { "retry-after": "7" }));
    expect(await readFailureOf(reference, { env, fetch })).toMatchObject({
      retryable: true,
      retryAfter: 7_000,
    });
  });

  it.each<[string, string]>([
    ["prose", "canary"],
    ["an empty body", ""],
    ["incomplete JSON", '{"value":"canary'],
    ["a list", '["canary"]'],
    ["null", "null"],
    ["another field", '{"token":"canary"}'],
    ["a value that is not a string", '{"value":{"canary":1}}'],
    ["an empty string", '{"value":""}'],
    ["more than 1 MiB", `{"value":"${"canary".repeat(200_000)}"}`],
  ])("is an error for the body: %s", async (_, body) => {
    const { env } = await service((_request, response) => void response.end(body));
    expect(await readFailureOf(reference, { env, fetch })).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says("the response of its service has no token."),
    });
  });

  it("that cannot be reached is unavailable and retryable", async () => {
    const { server, env } = await service(() => {});
    await server.close();
    expect(await readFailureOf(reference, { env, fetch })).toMatchObject({
      code: "unavailable",
      retryable: true,
    });
  });

  it("is a retryable timeout after ten seconds", async () => {
    const { server, env } = await service(() => {});
    const clock = fakeClock();
    const failing = readFailureOf(reference, { env, fetch, clock });
    await server.received(1);
    await clock.advance(10_000);
    expect(await failing).toMatchObject({ code: "timeout", retryable: true });
    expect(clock.pending).toEqual([]);
  });

  it("is aborted with the caller", async () => {
    const dropped = deferred();
    const { server, env } = await service(
      (_, response) => void response.on("close", () => dropped.resolve()),
    );
    const controller = new AbortController();
    const failing = readFailureOf(reference, { env, fetch, signal: controller.signal });
    await server.received(1);
    controller.abort();
    expect(await failing).toMatchObject({ code: "aborted" });
    await dropped.promise;
  });
});

const unused: FetchFunction = () => Promise.reject(new Error("nothing should be sent"));
