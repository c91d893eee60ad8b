import fc from "fast-check";
import { expect, test } from "vitest";
import { closestServer } from "../../../src/http/closest-server.js";
import { ServerMap } from "../../../src/register/server-map.js";

const origin = "https://gateway.example";
const segment = fc.constantFrom("", "mcp", "mcp2", "a", "b");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const query = fc.constantFrom("", "?tenant=1", "?tenant=2", "?tenant=1&region=eu");

test("of any servers at one origin, the one found for a URL is the one that a look at each of them would find", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(path, query), { maxLength: 12 }), path, query, (servers, wanted, its) => {
      const urls = new Map(
        servers.map(([path, query], index) => [`s${index}`, `${origin}${path}${query}`] as const),
      );
      const asked = `${origin}${wanted}${its}`;
      const each = [...urls].map(([name, url]) => ({ name, address: new URL(url) }));
      expect(new ServerMap(urls).find(asked)?.server.name).toBe(closestServer(new URL(asked), each)?.name);
    }),
  );
});
