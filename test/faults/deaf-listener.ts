import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** A listener that can stop accepting connections, like a host that drops all packets. */
export interface DeafListener {
  readonly origin: string;
  goDeaf(): Promise<void>;
  wake(): Promise<void>;
  close(): Promise<void>;
}

// More connections than the shortest backlog of any operating system.
const fillers = 16;

/** Starts a listener that forwards connections to a local port. */
export async function deafListener(port: number): Promise<DeafListener> {
  const sleep = new SharedArrayBuffer(4);
  const flag = new Int32Array(sleep);
  const worker = new Worker(new URL("deaf-listener.worker.mjs", import.meta.url), {
    workerData: { port, sleep },
  });
  const [listenerPort]: number[] = await once(worker, "message");
  let filling: Socket[] = [];
  return {
    origin: `http://127.0.0.1:${listenerPort}`,
    async goDeaf() {
      Atomics.store(flag, 0, 0);
      worker.postMessage("go deaf");
      await once(worker, "message");
      filling = Array.from({ length: fillers }, () => {
        const socket = connect(listenerPort ?? 0, "127.0.0.1");
        socket.on("error", () => {});
        return socket;
      });
      await Promise.race(filling.map((socket) => once(socket, "connect")));
    },
    async wake() {
      const awake = once(worker, "message");
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      for (const socket of filling) socket.destroy();
      await awake;
    },
    async close() {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      for (const socket of filling) socket.destroy();
      await worker.terminate();
    },
  };
}
