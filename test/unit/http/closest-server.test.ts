import { describe, expect, test } from "vitest";
import { closestServer, hasQueryOf, isSameResource } from "../../../src/http/closest-server.js";

const server = (name: string, url: string | undefined) => ({
  name,
  address: url === undefined ? undefined : new URL(url),
});

describe("the server that a URL belongs to", () => {
  const servers = [
    server("unusable", undefined),
    server("plain", "https://mcp.example/mcp"),
    server("alice", "https://mcp.example/mcp?tenant=alice"),
    server("bob", "https://mcp.example/mcp?tenant=bob"),
    server("bob-eu", "https://mcp.example/mcp?tenant=bob&region=eu"),
    server("bob-eu-again", "https://mcp.example/mcp?region=eu&tenant=bob"),
    server("reports", "https://mcp.example/mcp/reports"),
    server("list", "https://list.example/mcp?id=1&id=2"),
    server("empty", "https://empty.example/mcp?tenant="),
  ];

  test.each<[url: string, name: string | undefined, why: string]>([
    ["https://mcp.example/mcp?tenant=bob", "bob", "has the same value"],
    ["https://mcp.example/mcp?tenant=alice", "alice", "has the same value"],
    ["https://mcp.example/mcp?tenant=alice&page=2", "alice", "may have more parameters"],
    [
      "https://mcp.example/mcp?x=&tenant=al%69ce",
      "alice",
      "is compared by what it means, not by how it is written",
    ],
    ["https://mcp.example/mcp/sub?tenant=bob", "bob", "may lie below the path"],
    [
      "https://mcp.example/mcp?region=eu&tenant=bob",
      "bob-eu",
      "goes to the most parameters, then to the first",
    ],
    ["https://mcp.example/mcp/reports?tenant=bob", "reports", "goes to the longest path before all else"],
    ["https://mcp.example/mcp?tenant=carol", "plain", "with another value goes to one without a query"],
    ["https://mcp.example/mcp?tenant=bob&tenant=alice", "plain", "with a further value is another"],
    ["https://mcp.example/mcp?Tenant=bob", "plain", "has parameters whose case counts"],
    ["https://mcp.example/mcp", "plain", "without a query goes to one without a query"],
    ["https://list.example/mcp?id=1&id=2", "list", "has the same list"],
    ["https://list.example/mcp?id=1&x=y&id=2", "list", "may have others in between"],
    ["https://list.example/mcp?id=2&id=1", undefined, "has the list in another order"],
    ["https://list.example/mcp?id=1", undefined, "has half of the list"],
    ["https://list.example/mcp?id=1&id=2&id=2", undefined, "has more than the list"],
    ["https://empty.example/mcp?tenant", "empty", "has an empty value"],
    ["https://empty.example/mcp", undefined, "lacks an empty value"],
    ["https://other.example/mcp?tenant=bob", undefined, "is of another origin"],
  ])("%s: %s, since it %s", (url, name) => {
    expect(closestServer(new URL(url), servers)?.name).toBe(name);
  });

  test("does not depend on the order of servers that differ in their queries", () => {
    for (const order of [servers, servers.toReversed()]) {
      for (const name of ["alice", "bob"]) {
        const url = new URL(`https://mcp.example/mcp?tenant=${name}`);
        expect(closestServer(url, order)?.name).toBe(name);
      }
    }
  });
});

test("a URL has the query of a server only when it has each of its parameters", () => {
  const own = new URL("https://mcp.example/mcp?tenant=alice&region=eu");
  const hasQuery = (query: string) => hasQueryOf(new URL(`https://elsewhere.example/x${query}`), own);
  expect(hasQuery("?region=eu&tenant=alice")).toBe(true);
  expect(hasQuery("?tenant=alice")).toBe(false);
  expect(hasQuery("?tenant=alice&region=us")).toBe(false);
  expect(hasQuery("")).toBe(false);
  expect(hasQueryOf(new URL("https://mcp.example/?a=b"), new URL("https://mcp.example/mcp"))).toBe(true);
});

test("a request is to another resource when its query contradicts that of the server, not when it lacks it", () => {
  const own = new URL("https://mcp.example/mcp?tenant=alice");
  const isSame = (rest: string) => isSameResource(new URL(`https://mcp.example${rest}`), own);
  expect(isSame("/mcp?tenant=alice")).toBe(true);
  expect(isSame("/mcp/messages?session=1")).toBe(true);
  expect(isSame("/mcp?tenant=bob")).toBe(false);
  expect(isSame("/mcp?tenant=alice&tenant=bob")).toBe(false);
  expect(isSame("/other?tenant=alice")).toBe(false);
});
