import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownHeaders, requestHeaders, responseHeaders } from "../../../src/proxy/passed-headers.js";

const namesOf = (headers: Readonly<Record<string, string>>) => requestHeaders(headers).map(([name]) => name);
const back = (
  received: Record<string, string | string[]>,
  secrets: readonly string[] = [],
  isChanged = false,
) => responseHeaders(received, { secrets, isChanged });
const own = ownHeaders(undefined);

describe("requestHeaders", () => {
  test.each([
    ...[
      "authorization",
      "cookie",
      "dpop",
      "accept-encoding",
      "mcp-auth-proxy-token",
      "origin",
      "referer",
      "forwarded",
    ],
    ...[
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-anything",
      "x-real-ip",
      "via",
      "proxy-authorization",
    ],
    ...[
      "proxy-connection",
      "te",
      "trailer",
      "expect",
      "sec-fetch-mode",
      "sec-websocket-key",
      "sec-anything",
      "host",
    ],
    ...["connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "content-length"],
    ...[
      "access-control-request-method",
      "access-control-request-headers",
      "access-control-request-private-network",
    ],
  ])("the server does not get the header %s of the caller", (name) => {
    const passed = requestHeaders({ [name]: "canary", "x-passed": "1" });
    expect(passed.flat()).not.toContain("canary");
    expect(passed).toContainEqual(["x-passed", "1"]);
  });

  test.each([
    ...[
      "accept",
      "content-type",
      "mcp-session-id",
      "mcp-protocol-version",
      "mcp-method",
      "mcp-name",
      "last-event-id",
    ],
    ...["user-agent", "traceparent", "x-api-version", "accept-language", "constructor", "second"],
  ])("the server gets the header %s as the caller wrote it", (name) => {
    expect(requestHeaders({ [name]: "a, b; c=\u00e9" })).toContainEqual([name, "a, b; c=\u00e9"]);
  });

  test("the server does not get what Connection names", () => {
    const headers = { connection: "close, X-One ,x-TWO", "x-one": "1", "x-two": "2", "x-three": "3" };
    expect(namesOf(headers)).toEqual(["x-three", "accept-encoding"]);
  });

  test("the server must not encode the response", () => {
    expect(requestHeaders({ "accept-encoding": "gzip" })).toEqual([["accept-encoding", "identity"]]);
  });

  test("the server gets several values of one header as one", () => {
    expect(requestHeaders({ "set-cookie": ["a", "b"] })).toContainEqual(["set-cookie", "a, b"]);
  });
});

describe("responseHeaders", () => {
  test.each([
    ...[
      "www-authenticate",
      "authentication-info",
      "set-cookie",
      "set-cookie2",
      "location",
      "content-location",
      "refresh",
    ],
    ...[
      "link",
      "alt-svc",
      "clear-site-data",
      "service-worker-allowed",
      "strict-transport-security",
      "dpop-nonce",
    ],
    ...[
      "access-control-allow-origin",
      "access-control-anything",
      "proxy-authenticate",
      "proxy-anything",
      "connection",
    ],
    ...[
      "keep-alive",
      "transfer-encoding",
      "upgrade",
      "trailer",
      "te",
      "report-to",
      "nel",
      "reporting-endpoints",
    ],
  ])("the caller does not get the header %s of the server", (name) => {
    expect(back({ [name]: "canary" })).toEqual(own);
    expect(back({ [name]: ["canary", "b"] })).toEqual(own);
  });

  test.each([
    ...[
      "content-type",
      "content-length",
      "content-encoding",
      "mcp-session-id",
      "mcp-protocol-version",
      "retry-after",
    ],
    ...["etag", "x-request-id", "allow", "date", "constructor", "tostring"],
  ])("the caller gets the header %s of the server", (name) => {
    expect(back({ [name]: ["a", "b"] })).toEqual({ ...own, [name]: ["a", "b"] });
  });

  test("the server cannot replace the headers that protect the caller", () => {
    const names = Object.keys(own);
    expect(names.sort()).toEqual([
      ...["cache-control", "content-security-policy", "referrer-policy", "x-content-type-options"],
    ]);
    const received = Object.fromEntries(names.map((name) => [name, ["canary", "canary"]]));
    expect(back(received)).toEqual(own);
  });

  test("the caller does not get what Connection names, in any of its values", () => {
    expect(
      back({ connection: ["X-One", "x-two, close"], "x-one": "1", "x-two": "2", "x-three": "3" }),
    ).toEqual({
      ...own,
      "x-three": "3",
    });
  });

  test("a header is dropped if any of its values has a secret of the request in it", () => {
    const secrets = ["the-token", "the-header"];
    const received = {
      ...{ "x-one": "Bearer the-token", "x-two": ["a", "b the-header c"], "x-three": "the token" },
      ...{ "content-type": "text/plain; the-token" },
    };
    expect(back(received, secrets)).toEqual({ ...own, "x-three": "the token" });
  });

  test("the length and encoding of a body that was decoded are dropped", () => {
    const received = { "content-length": "1", "content-encoding": "gzip", etag: "a" };
    expect(back(received, [], true)).toEqual({ ...own, etag: "a" });
  });

  test("whatever names a server makes up, the caller gets none that is not passed on", () => {
    const name = fc.oneof(
      fc.constantFrom(
        "__proto__",
        "constructor",
        "set-cookie",
        "location",
        "access-control-x",
        "hasownproperty",
      ),
      fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), (entries) => {
        const received = Object.fromEntries(entries);
        const passed = back(received);
        expect(Object.getPrototypeOf(passed)).toBe(Object.prototype);
        expect(Object.keys(passed)).toEqual(
          expect.not.arrayContaining(["set-cookie", "location", "access-control-x"]),
        );
        expect(passed).toMatchObject(own);
      }),
    );
  });
});
