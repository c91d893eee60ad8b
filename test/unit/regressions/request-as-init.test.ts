import { expect, test } from "vitest";
import { world } from "./world.js";

test("a Request as the second argument of fetch is sent with its method, headers and body", async () => {
  const { mcp, url, make } = await world((request, response) => {
    if (request.url === "/mcp") response.end(request.body);
  });
  const { manager } = await make();
  // Gateways that forward a request do this: a Request has the same members as `init`.
  const given = new Request("https://gateway.example/", {
    method: "POST",
    headers: { "mcp-session-id": "s1" },
    body: "hello",
  });
  const response = await manager.fetch(url, given);
  expect(await response.text()).toBe("hello");
  const [sent] = mcp.requests.filter((request) => request.url === "/mcp");
  expect(sent?.method).toBe("POST");
  expect(sent?.headers["mcp-session-id"]).toBe("s1");
  expect(sent?.headers.authorization).toBe("Bearer tok1");
});
