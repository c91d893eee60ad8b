import { expect, test } from "vitest";
import { fakeClock } from "../../support/fake-clock.js";
import { sendJson } from "../../support/http-server.js";
import { caught, world } from "./world.js";

test("a 401 from another path of the same origin does not break the manager permanently", async () => {
  const { mcp, url, make } = await world((request, response) => {
    if (request.url === "/.well-known/oauth-protected-resource/other") {
      return sendJson(response, {
        resource: `${mcp.origin}/other`,
        authorization_servers: ["https://else.example"],
      });
    }
    if (request.url === "/other") {
      const metadata = `${mcp.origin}/.well-known/oauth-protected-resource/other`;
      return void response
        .writeHead(401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` })
        .end();
    }
    if (request.url === "/mcp") response.writeHead(200).end("ok");
  });
  const { manager } = await make();
  expect((await manager.fetch(url)).status).toBe(200);
  await caught(manager.fetch(`${mcp.origin}/other`));
  // The bug: even a forced refresh, which ignores the cool-down, failed from here on with `resource_mismatch`.
  expect(await caught(manager.getAccessToken({ forceRefresh: true }))).toBeUndefined();
  expect((await manager.fetch(url)).status).toBe(200);
});

test("one challenge with an http:// metadata URL (from a TLS-terminating proxy) does not break the manager", async () => {
  let refused = "";
  const { url, make } = await world((request, response) => {
    if (request.url !== "/mcp") return;
    if (request.headers.authorization === refused) {
      const metadata = "http://mcp.internal/.well-known/oauth-protected-resource";
      return void response
        .writeHead(401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` })
        .end();
    }
    response.writeHead(200).end("ok");
  });
  const clock = fakeClock(Date.now());
  const { manager } = await make({}, { clock });
  refused = `Bearer ${await manager.getAccessToken()}`;
  await caught(manager.fetch(url)); // This call may fail.
  refused = ""; // The server works again.
  expect(await caught(manager.getAccessToken({ forceRefresh: true }))).toBeUndefined();
});
