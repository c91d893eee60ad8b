import { expect, onTestFinished, test } from "vitest";
import { Cancellation } from "../../../src/proxy/forward.js";
import { createUpstream } from "../../../src/proxy/upstream-fetch.js";
import { startHttpServer } from "../../support/http-server.js";

test("a request whose client hung up before it was sent does not reach the server", async () => {
  const server = await startHttpServer((_request, response) => void response.end());
  const upstream = createUpstream();
  onTestFinished(async () => {
    await upstream.close();
    await server.close();
  });
  const cancellation = new Cancellation();
  cancellation.cancel();
  await expect(upstream.fetchUntil(cancellation)(server.origin)).rejects.toThrow(/abort/i);
  // The connection works, so the request would have arrived.
  await upstream.fetchUntil(new Cancellation())(`${server.origin}/second`);
  expect(server.requests.map(({ url }) => url)).toEqual(["/second"]);
});
