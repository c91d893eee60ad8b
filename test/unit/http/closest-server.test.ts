import { describe, expect, test } from "vitest";
import { closestServer, hasQueryOf, isSameResource } from "../../../src/http/closest-server.js";

const server = (name: string, url: string | undefined) => ({
  name,
  address: url === undefined ? undefined : new URL(url),
});

describe("closestServer", () => {
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
    ["https://mcp.example/mcp?tenant=alice&page=2", "alice", "has one more parameter"],
    ["https://mcp.example/mcp?x=&tenant=al%69ce", "alice", "is compared after decoding"],
    ["https://mcp.example/mcp/sub?tenant=bob", "bob", "lies below the path"],
    [
      "https://mcp.example/mcp?region=eu&tenant=bob",
      "bob-eu",
      "matches several servers with a query: the one with the most parameters wins, then the first",
    ],
    [
      "https://mcp.example/mcp/reports?tenant=bob",
      "reports",
      "matches several paths: the longest one wins, whatever the query",
    ],
    [
      "https://mcp.example/mcp?tenant=carol",
      "plain",
      "has another value, so only the server without a query is left",
    ],
    [
      "https://mcp.example/mcp?tenant=bob&tenant=alice",
      "plain",
      "has two values, so only the server without a query is left",
    ],
    ["https://mcp.example/mcp?Tenant=bob", "plain", "has a parameter name in another case"],
    ["https://mcp.example/mcp", "plain", "has no query"],
    ["https://list.example/mcp?id=1&id=2", "list", "has the same list"],
    ["https://list.example/mcp?id=1&x=y&id=2", "list", "has another parameter in between"],
    ["https://list.example/mcp?id=2&id=1", undefined, "has the list in another order"],
    ["https://list.example/mcp?id=1", undefined, "has half of the list"],
    ["https://list.example/mcp?id=1&id=2&id=2", undefined, "has more than the list"],
    ["https://empty.example/mcp?tenant", "empty", "has an empty value"],
    ["https://empty.example/mcp", undefined, "lacks an empty value"],
    ["https://other.example/mcp?tenant=bob", undefined, "has another origin"],
  ])("the closest server of %s is %s: the URL %s", (url, name) => {
    expect(closestServer(new URL(url), servers)?.name).toBe(name);
  });

  test("the closest server does not depend on the order of servers that differ in their queries", () => {
    for (const order of [servers, servers.toReversed()]) {
      for (const name of ["alice", "bob"]) {
        const url = new URL(`https://mcp.example/mcp?tenant=${name}`);
        expect(closestServer(url, order)?.name).toBe(name);
      }
    }
  });
});

test("a URL has the query of a server only if it has each of its parameters", () => {
  const serverUrl = new URL("https://mcp.example/mcp?tenant=alice&region=eu");
  const hasQuery = (query: string) => hasQueryOf(new URL(`https://elsewhere.example/x${query}`), serverUrl);
  expect(hasQuery("?region=eu&tenant=alice")).toBe(true);
  expect(hasQuery("?tenant=alice")).toBe(false);
  expect(hasQuery("?tenant=alice&region=us")).toBe(false);
  expect(hasQuery("")).toBe(false);
  expect(hasQueryOf(new URL("https://mcp.example/?a=b"), new URL("https://mcp.example/mcp"))).toBe(true);
});

test("a request is to another resource if its query contradicts that of the server, but not if it lacks it", () => {
  const serverUrl = new URL("https://mcp.example/mcp?tenant=alice");
  const isSame = (rest: string) => isSameResource(new URL(`https://mcp.example${rest}`), serverUrl);
  expect(isSame("/mcp?tenant=alice")).toBe(true);
  expect(isSame("/mcp/messages?session=1")).toBe(true);
  expect(isSame("/mcp?tenant=bob")).toBe(false);
  expect(isSame("/mcp?tenant=alice&tenant=bob")).toBe(false);
  expect(isSame("/other?tenant=alice")).toBe(false);
});
