// A listener in its own thread, which forwards connections. On the message to go deaf, the thread sleeps and accepts
// nothing, and when the short backlog is full, the kernel no longer answers connection attempts.
import { connect, createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const sleep = new Int32Array(workerData.sleep);
const server = createServer((socket) => {
  const upstream = connect(workerData.port, "127.0.0.1");
  socket.on("error", () => upstream.destroy());
  upstream.on("error", () => socket.destroy());
  socket.on("close", () => upstream.destroy());
  socket.pipe(upstream).pipe(socket);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () =>
  parentPort.postMessage(server.address().port),
);
parentPort.on("message", () => {
  parentPort.postMessage("deaf");
  Atomics.wait(sleep, 0, 0);
  // The connections in the backlog are accepted in the next turns of the event loop.
  setTimeout(() => parentPort.postMessage("awake"), 20);
});
