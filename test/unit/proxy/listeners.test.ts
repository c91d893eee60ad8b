import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { listenForProbes } from "../../../src/proxy/listeners.js";
import { exchange } from "../../integration/attacked-proxy.js";

async function startProbes() {
  const address = { host: "127.0.0.1", port: 0 };
  const probes = await listenForProbes(() => true, address, false);
  onTestFinished(async () => {
    probes.destroy();
    await probes.close();
  });
  return Number(new URL(probes.origin).port);
}

const probe = "GET /-/ready HTTP/1.1\r\nHost: any.example\r\n\r\n";

test("probes are answered one per connection, whatever Host they name", async () => {
  const port = await startProbes();
  const text = await exchange(port, probe.repeat(3));
  expect(text.match(/^HTTP\/1\.1 200 OK/gm)?.length).toBe(1);
  expect(text).toMatch(/\r\n\r\nready\n$/);
});

test("other machines cannot keep the few connections for probes with requests that they never finish", async () => {
  const port = await startProbes();
  const sockets = Array.from({ length: 64 }, (_, index) => {
    const socket = connect(port, "127.0.0.1")
      .on("error", () => {})
      .resume();
    onTestFinished(() => void socket.destroy());
    socket.write(probe.slice(0, index % 40));
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, "close")));
  expect(await exchange(port, probe)).toMatch(/ready\n$/);
});
