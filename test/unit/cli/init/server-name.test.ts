import { expect, test } from "vitest";
import { serverName } from "../../../../src/cli/init/server-name.js";

test.each([
  ["https://mcp.acme.example/billing", "billing"],
  ["https://mcp.acme.example/billing/mcp", "billing"],
  ["https://mcp.acme.example/v1/mcp", "acme"],
  ["https://crm.example/mcp", "crm"],
  ["https://crm.example", "crm"],
  ["https://api.crm.example/%24%7BX%7D", "crm"],
  ["http://127.0.0.1:3000/mcp", "server"],
  ["http://[::1]:3000/mcp", "server"],
  ["http://localhost:3000/sse", "server"],
])("a server gets the telling part of its URL as its name: %s", (url, name) => {
  expect(serverName(url, () => false)).toBe(name);
});

test("a name that another server has gets a number", () => {
  const taken = new Set(["crm", "crm-2"]);
  expect(serverName("https://crm.example/mcp", (name) => taken.has(name))).toBe("crm-3");
});
