import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect } from "vitest";
import { createAuthorizedFetch } from "../../src/http/authorized-fetch.js";
import { isWithinReach, type Reach } from "../../src/http/reach.js";
import { redirectTarget } from "../../src/http/redirect.js";
import { Token } from "../../src/tokens/token.js";
import { assertDocumented, outcomeOf } from "./assert-documented.js";
import { canary, pieces } from "./garbage.js";
import { property } from "./property.js";

const servers = [
  ...[
    "https://mcp.example/a/b",
    "https://mcp.example/a/b/",
    "https://mcp.example",
    "https://mcp.example:8443/a%2fb",
  ],
  ...["http://127.0.0.1:4000/mcp", "https://[::1]/a", "https://xn--mnchen-3ya.example/a?x=1"],
];
const server = fc.constantFrom(...servers);
const reach = fc.constantFrom<Reach>("origin", "path");

const written = pieces(
  ...[
    "https:",
    "http:",
    "//",
    "/",
    "\\",
    "mcp.example",
    "MCP.EXAMPLE",
    "mcp.example.",
    "evil.example",
    "@",
    ":443",
    ":8443",
    ":",
  ],
  ...[
    "/a/b",
    "/a",
    "b",
    "..",
    ".",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    ";",
    "%3b",
    "%25",
    "%252e",
    "?",
    "#",
    "\t",
    "\n",
    "\uff0e",
    "\u3002",
    "%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8e",
    "%ef%bc%8f",
    "%u002e",
    "%u002f",
    "%00",
    "%3f",
    "%20",
  ],
  ...[
    "user",
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "[::1]",
    "localhost",
    "data:",
    "blob:",
    "file:",
    "javascript:",
    "xn--",
  ],
);
/** The URL of a server, followed by other text. */
const near = fc.tuple(server, written).map(([base, rest]) => `${base}${rest}`);
const address = fc.oneof(written, near);

/** Ways in which some servers decode a path leniently. */
const lenientDecoders: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll(/%(2e|2f|5c|3b|3f|20|00|25)/gi, (_, code: string) => character(code)),
  (path) => path.replaceAll(/%u00([0-9a-f]{2})/gi, (_, code: string) => character(code)),
  // Overlong, RFC 3629 §10, and fullwidth.
  (path) => path.replaceAll(/%c0%a[ef]|%e0%80%a[ef]/gi, (text) => character(`2${text.at(-1)}`)),
  (path) => path.replaceAll(/%ef%bc%8[ef]/gi, (text) => character(`2${text.at(-1)}`)),
  (path) => path.replaceAll("\\", "/"),
  (path) => path.replaceAll(/;[^/]*/g, ""),
  (path) => path.replace(/[?\0].*$/s, ""),
  (path) => path.replaceAll(/ +(?=\/|$)/g, ""),
];
const character = (code: string) => String.fromCharCode(Number.parseInt(code, 16));

/** Returns every path that a lenient server could resolve a path to. Each round decodes the path once more. */
function possiblePaths(path: string): readonly string[] {
  const places: string[] = [];
  let text = path;
  for (let round = 0; round < 8; round += 1) {
    const plain = lenientDecoders.slice(4).reduce((read, how) => how(read), text);
    // Resolves as a file system does, where a `?` or a line break is part of a name.
    places.push(posix.normalize(`/${plain}`));
    text = lenientDecoders.slice(0, 4).reduce((read, how) => how(read), text);
  }
  return places;
}

describe("URLs out of reach", () => {
  property(
    "a URL that the URL standard resolves to another origin is out of reach",
    [address, server, reach],
    (text, base, how) => {
      if (!URL.canParse(text, base)) return;
      const url = new URL(text, base);
      if (!isWithinReach(url, new URL(base), how)) return;
      const [sent, serverUrl] = [new URL(new Request(url).url), new URL(base)];
      expect([sent.protocol, sent.host, sent.username, sent.password]).toEqual([
        serverUrl.protocol,
        serverUrl.host,
        "",
        "",
      ]);
    },
  );

  property(
    "a URL whose path is outside of the server's path, or can be decoded to such a path, is out of reach",
    [address, server],
    (text, base) => {
      if (!URL.canParse(text, base)) return;
      const [url, serverUrl] = [new URL(text, base), new URL(base)];
      if (!isWithinReach(url, serverUrl, "path")) return;
      const folder = serverUrl.pathname.replace(/\/$/, "");
      const inside = possiblePaths(folder).flatMap((place) => [place, place.replace(/\/$/, "")]);
      for (const place of possiblePaths(url.pathname)) {
        expect(inside.some((top) => place === top || place.startsWith(`${top}/`))).toBe(true);
      }
    },
  );
});

describe("redirects of a server", () => {
  property(
    "a redirect goes to the URL that the URL standard resolves, or is not followed",
    [address, server, fc.integer({ min: 200, max: 399 })],
    (location, from, status) => {
      const text = location.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "");
      const response = new Response(null, { status, headers: { location: text } });
      const target = redirectTarget(response, new URL(from));
      if (target === undefined) return;
      expect([301, 302, 303, 307, 308]).toContain(status);
      // `Headers` removes spaces and tabs at the ends, and no other white space.
      expect(target.href).toBe(new URL(text.replaceAll(/^[\t ]+|[\t ]+$/g, ""), from).href);
    },
  );

  const hop = fc.record({
    status: fc.constantFrom(200, 301, 302, 303, 307, 308),
    location: fc.oneof(address, fc.constantFrom("/a/b/c", "?x", "", `https://evil.example/?${canary}`)),
  });
  property(
    "the token is sent only to the server, and at most five redirects are followed",
    [server, reach, fc.array(hop, { maxLength: 8 }), fc.constantFrom("GET", "POST")],
    async (base, how, hops, method) => {
      const serverUrl = new URL(base);
      const sent: URL[] = [];
      const fetch = createAuthorizedFetch({
        name: "crm",
        url: serverUrl,
        reach: how,
        async fetch(input, init) {
          const { status = 200, location = "" } = hops[sent.length] ?? {};
          sent.push(new URL(String(input)));
          expect(new Headers(init?.headers).get("authorization")).toBe("Bearer t");
          return new Response(null, {
            status,
            headers: { location: location.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "") },
          });
        },
        token: async () => token,
        headers: () => undefined,
        noteAccepted() {},
        noteChallenge() {},
        replace: async () => ({ kind: "none" }),
        replaceForOthers() {},
        explainRefusal: async () => {},
      });
      const outcome = await outcomeOf(() =>
        fetch(base, { method, ...(method === "POST" && { body: "{}" }) }),
      );
      expect(sent.length).toBeLessThanOrEqual(6);
      for (const { origin, pathname } of sent) {
        expect(origin).toBe(serverUrl.origin);
        if (how === "path") expect(`${pathname}/`.startsWith(serverUrl.pathname)).toBe(true);
      }
      if ("error" in outcome) assertDocumented(outcome.error, ["egress_denied"]);
    },
  );
});

const token = new Token({
  accessToken: "t",
  tokenType: "Bearer",
  requestedAt: 0,
  expiresAt: 1,
  scopes: [],
  issuer: undefined,
  resource: undefined,
});
