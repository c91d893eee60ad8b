import { request } from "undici";
import { expect, test, vi } from "vitest";
import { Reports } from "../../../src/register/reports.js";
import { ServerMap } from "../../../src/register/server-map.js";
import { authorizeUndiciRequests } from "../../../src/register/undici-requests.js";
import { listen } from "../../support/listen.js";
import { recordWarnings } from "../../support/record-warnings.js";

test("a mistake in the code that requests a token for undici is warned about once, and requests are sent", async () => {
  const warnings = recordWarnings();
  const server = await listen(() => (_request, response) => void response.end("ok"));
  const mistake = new TypeError("x is not a function");
  const undo = authorizeUndiciRequests({
    servers: new ServerMap(new Map([["crm", `${server.origin}/mcp`]])),
    reports: new Reports(),
    loadedManager: () => undefined,
    loadManager: () => Promise.reject(mistake),
  });
  for (let count = 0; count < 3; count += 1) {
    const { body } = await request(`${server.origin}/mcp`);
    expect(await body.text()).toBe("ok");
  }
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining("failed with TypeError at")]));
  undo();
  await server.close();
});
