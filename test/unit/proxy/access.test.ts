import { describe, expect, test } from "vitest";
import { refuseForeign } from "../../../src/proxy/access.js";

const authority = "127.0.0.1:8484";

interface Around {
  readonly method?: string;
  readonly url?: string;
  readonly on?: "tcp" | "socket";
  readonly rawHeaders?: string[];
}

function statusFor(
  headers: Readonly<Record<string, string>>,
  { method = "POST", url = "/crm", on = "tcp", rawHeaders = [] }: Around = {},
): number | undefined {
  const all = on === "tcp" ? { host: authority, ...headers } : headers;
  const request = { httpVersionMajor: 1, method, url, headers: all, rawHeaders };
  return refuseForeign(request, on === "tcp" ? authority : undefined)?.status;
}

describe("refuseForeign", () => {
  test("a request of a program passes, with and without the headers that fetch of Node and Electron add", () => {
    expect(statusFor({})).toBeUndefined();
    expect(statusFor({ "sec-fetch-mode": "cors" })).toBeUndefined();
    expect(statusFor({ "sec-fetch-mode": "no-cors", "sec-fetch-site": "none" })).toBeUndefined();
    expect(statusFor({ origin: `http://${authority}`, "sec-fetch-site": "same-origin" })).toBeUndefined();
    expect(statusFor({}, { method: "OPTIONS" })).toBeUndefined();
  });

  test.each([
    ...[
      "evil.example",
      "evil.example:8484",
      "localhost:8484",
      "127.0.0.1",
      "127.0.0.1:8485",
      "127.0.0.2:8484",
    ],
    ...[
      "127.0.0.1:8484.evil.example",
      "127.0.0.1:08484",
      "[::1]:8484",
      "",
      "0.0.0.0:8484",
      "127.1:8484",
      "2130706433:8484",
    ],
    ...["127.0.0.1:8484, evil.example", " 127.0.0.1:8484"],
  ])("a request with the Host %j, which another name may have resolved to, is refused", (host) => {
    expect(statusFor({ host })).toBe(403);
  });

  test("a request without Host is refused on TCP, and any Host passes on a unix socket", () => {
    expect(
      refuseForeign(
        { httpVersionMajor: 1, method: "GET", url: "/crm", headers: {}, rawHeaders: [] },
        authority,
      )?.status,
    ).toBe(403);
    expect(statusFor({ host: "localhost" }, { on: "socket" })).toBeUndefined();
    expect(statusFor({}, { on: "socket" })).toBeUndefined();
  });

  test("a request with two Host headers is refused, even if the first is right", () => {
    const rawHeaders = ["Host", authority, "HOST", "evil.example"];
    expect(statusFor({}, { rawHeaders })).toBe(400);
    expect(statusFor({}, { rawHeaders, on: "socket" })).toBe(400);
    expect(statusFor({}, { rawHeaders: ["Host", authority, "X-Host", "host", "A", "Host"] })).toBeUndefined();
  });

  test.each([
    ...[
      "http://evil.example",
      "null",
      "https://127.0.0.1:8484",
      "http://localhost:8484",
      "http://127.0.0.1",
      "file://",
    ],
    ...[
      "vscode-webview://x",
      "chrome-extension://x",
      "",
      "http://127.0.0.1:8484, http://evil.example",
      "http://undefined",
    ],
  ])("a request from a page of the origin %j is refused, on a unix socket too", (origin) => {
    expect(statusFor({ origin })).toBe(403);
    expect(statusFor({ origin }, { on: "socket" })).toBe(403);
  });

  test("preflights, navigation, and what other sites embed are refused", () => {
    expect(statusFor({ "access-control-request-method": "POST" }, { method: "OPTIONS" })).toBe(403);
    expect(statusFor({ "sec-fetch-mode": "navigate", "sec-fetch-site": "none" }, { method: "GET" })).toBe(
      403,
    );
    expect(
      statusFor({ "sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site" }, { method: "GET" }),
    ).toBe(403);
    expect(statusFor({ "sec-fetch-mode": "no-cors", "sec-fetch-site": "same-site" }, { method: "GET" })).toBe(
      403,
    );
  });

  test.each([
    "http://127.0.0.1:8484/crm",
    "https://evil.example/",
    "evil.example:443",
    "*",
    "",
    "crm",
    "?crm",
  ])("the target %j is refused, because it is no path", (url) => {
    expect(statusFor({}, { url })).toBe(400);
  });

  test.each(["TRACE", "TRACK", "CONNECT"])("the method %s is refused", (method) => {
    expect(statusFor({}, { method })).toBe(405);
  });

  test("a request that says it is HTTP/2 is refused", () => {
    const request = { method: "GET", url: "/crm", headers: { host: authority }, rawHeaders: [] };
    for (const httpVersionMajor of [0, 2, 3])
      expect(refuseForeign({ ...request, httpVersionMajor }, authority)?.status).toBe(400);
  });

  test("no refusal quotes the request", () => {
    const canary = "canary-0123456789";
    const refusals = [
      refuseForeign(
        { httpVersionMajor: 1, method: "GET", url: `/${canary}`, headers: { host: canary }, rawHeaders: [] },
        authority,
      ),
      refuseForeign(
        { httpVersionMajor: 1, method: canary, url: canary, headers: { host: authority }, rawHeaders: [] },
        authority,
      ),
      refuseForeign(
        {
          httpVersionMajor: 1,
          method: "GET",
          url: "/",
          headers: { host: authority, origin: canary },
          rawHeaders: [],
        },
        authority,
      ),
    ];
    for (const refusal of refusals) expect(refusal?.message).toMatch(/^(?!.*canary).+$/);
  });

  test("a browser may open the status page, and only that, as a document of its own", () => {
    const navigation = {
      ...{ "sec-fetch-mode": "navigate", "sec-fetch-site": "none", "sec-fetch-dest": "document" },
      accept: "text/html,*/*;q=0.8",
    };
    const page = { method: "GET", url: "/-/status" };
    expect(statusFor(navigation, page)).toBeUndefined();
    expect(statusFor({ ...navigation, "sec-fetch-site": "same-origin" }, page)).toBeUndefined();
    for (const url of [
      "/-/status?",
      "/-/status/",
      "/-/status/events",
      "/-/metrics",
      "/-/",
      "/crm",
      "/-/Status",
    ])
      expect(statusFor(navigation, { ...page, url })).toBe(403);
    for (const method of ["POST", "HEAD", "OPTIONS"])
      expect(statusFor(navigation, { ...page, method })).toBe(403);
    const refused = [
      ...[{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }],
      ...[{ origin: "http://evil.example" }, { host: "evil.example:8484" }],
      ...["iframe", "frame", "object", "embed"].map((destination) => ({ "sec-fetch-dest": destination })),
    ];
    for (const headers of refused) expect(statusFor({ ...navigation, ...headers }, page)).toBe(403);
  });
});
