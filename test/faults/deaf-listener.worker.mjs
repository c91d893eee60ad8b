// A listener in a thread of its own, which passes connections on until it is told to go deaf: then its thread sleeps,
// nobody accepts, and once the short backlog is full the kernel answers no connection any more.
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
  // Those that had waited are accepted in the next turns.
  setTimeout(() => parentPort.postMessage("awake"), 20);
});
