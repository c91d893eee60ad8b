import fc from "fast-check";
import { expect, test } from "vitest";
import { closestServer } from "../../../src/http/closest-server.js";
import { ServerMap } from "../../../src/register/server-map.js";

const origin = "https://gateway.example";
const segment = fc.constantFrom("", "mcp", "mcp2", "a", "b");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const query = fc.constantFrom("", "?tenant=1", "?tenant=2", "?region=eu", "?tenant=1&region=eu");

test("ServerMap finds the same server for a URL as a comparison with every server at the origin", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(path, query), { maxLength: 12 }), path, query, (servers, wanted, its) => {
      const urls = new Map(
        servers.map(([path, query], index) => [`s${index}`, `${origin}${path}${query}`] as const),
      );
      const requestUrl = `${origin}${wanted}${its}`;
      const each = [...urls].map(([name, url]) => ({ name, address: new URL(url) }));
      expect(new ServerMap(urls).find(requestUrl)?.server.name).toBe(
        closestServer(new URL(requestUrl), each)?.name,
      );
    }),
  );
});

test("ServerMap finds the servers at an origin regardless of earlier lookups", () => {
  const urls = new Map([
    ["a", "https://mcp.example/mcp"],
    ["b", "http://mcp.example:8080/mcp"],
    ["c", "HTTPS://Api.example:443/mcp"],
  ]);
  const others = [
    "http:",
    "https:",
    "https://",
    "https:/",
    "/",
    "",
    "https://mcp.exampl",
    "http://mcp.example",
    "data:,/",
  ];
  const texts = fc.constantFrom(
    ...[...urls.values(), ...others].flatMap((text) => [text, `${text}/`, `${text}/mcp/x`, `${text}:80/`]),
  );
  fc.assert(
    fc.property(fc.array(texts, { maxLength: 8 }), (before) => {
      const map = new ServerMap(urls);
      for (const text of before) {
        expect([text, map.find(text)]).toEqual([text, new ServerMap(urls).find(text)]);
        expect([text, map.at(text)]).toEqual([text, new ServerMap(urls).at(text)]);
      }
    }),
  );
});

test("of servers that are equally close, ServerMap finds the first in the config", () => {
  const urls = new Map([
    ["a1", `${origin}/mcp?a=1`],
    ["b2", `${origin}/mcp?b=2`],
    ["a9", `${origin}/mcp?a=9`],
  ]);
  expect(new ServerMap(urls).find(`${origin}/mcp?a=9&b=2`)?.server.name).toBe("b2");
});
