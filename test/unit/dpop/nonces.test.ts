import { describe, expect, test } from "vitest";
import { Nonces } from "../../../src/dpop/nonces.js";

const mcp = "https://mcp.example/mcp";
const headers = (nonce?: string) => new Headers(nonce === undefined ? {} : { "dpop-nonce": nonce });

describe("Nonces", () => {
  test("DPoP nonces are kept per origin, independent of path and query", () => {
    const nonces = new Nonces();
    expect(nonces.get("resource", mcp)).toBeUndefined();
    nonces.note("resource", mcp, headers("n1"));
    expect(nonces.get("resource", "https://mcp.example:443/other?q=1#f")).toBe("n1");
    expect(nonces.get("resource", new URL("https://MCP.example"))).toBe("n1");
    expect(nonces.get("resource", "https://mcp.example:8443/mcp")).toBeUndefined();
    expect(nonces.get("resource", "http://mcp.example/mcp")).toBeUndefined();
  });

  test("DPoP nonces of an authorization server and an MCP server at one origin are kept apart", () => {
    const nonces = new Nonces();
    nonces.note("token", "https://one.example/token", headers("from-token"));
    expect(nonces.get("resource", "https://one.example/mcp")).toBeUndefined();
    nonces.note("resource", "https://one.example/mcp", headers("from-resource"));
    expect(nonces.get("token", "https://one.example/token")).toBe("from-token");
  });

  test("a DPoP nonce is reported as new if it differs from the previous one", () => {
    const nonces = new Nonces();
    expect(nonces.note("resource", mcp, headers("n1"))).toBe(true);
    expect(nonces.note("resource", mcp, headers("n1"))).toBe(false);
    expect(nonces.note("resource", mcp, headers("n2"))).toBe(true);
    expect(nonces.note("resource", mcp, headers())).toBe(false);
    expect(nonces.get("resource", mcp)).toBe("n2");
  });

  test.each([
    ["without a character", ""],
    ["with a space", "a b"],
    ["of two headers", "a, b"],
    ["with a quote", 'a"b'],
    ["with a backslash", "a\\b"],
    ["beyond ASCII", "\u00fc"],
    ["of unbounded length", "a".repeat(1_025)],
  ])("a DPoP nonce %s is ignored", (_name, nonce) => {
    const nonces = new Nonces();
    nonces.note("resource", mcp, headers("good"));
    expect(nonces.note("resource", mcp, headers(nonce))).toBe(false);
    expect(nonces.get("resource", mcp)).toBe("good");
  });

  test("a DPoP nonce may contain every character that RFC 9449 allows", () => {
    const all = String.fromCharCode(...Array.from({ length: 0x5e }, (_, index) => 0x21 + index));
    const allowed = all.replace('"', "").replace("\\", "");
    const nonces = new Nonces();
    expect(nonces.note("resource", mcp, headers(allowed))).toBe(true);
    expect(nonces.get("resource", mcp)).toBe(allowed);
  });

  test("DPoP nonces are kept for 1,000 origins, and the least recently used origin is dropped", () => {
    const nonces = new Nonces();
    const origin = (index: number) => `https://s${index}.example/`;
    for (let index = 0; index < 1_000; index += 1) nonces.note("resource", origin(index), headers("n"));
    expect(nonces.get("resource", origin(0))).toBe("n");
    nonces.note("resource", origin(1_000), headers("n"));
    expect([0, 1, 2, 1_000].map((index) => nonces.get("resource", origin(index)))).toEqual([
      "n",
      undefined,
      "n",
      "n",
    ]);
  });
});
