// An agent with one server, in its own process: `node agent.mjs PLAN`, with the config in the variable CONFIG. Prints
// what happens as lines on stdout.
import { subscribe } from "node:diagnostics_channel";
import { createMcpAuth } from "../../dist/index.js";

const print = (line) => process.stdout.write(`${line}\n`);
process.on("unhandledRejection", () => print("unhandled"));
const plan = process.argv[2];
// The process that must stop in time uses a fake clock, and moves it forward only by the allowed time.
const clock = plan === "stops" ? createFakeClock() : undefined;
const auth = await createMcpAuth({ config: JSON.parse(process.env.CONFIG), ...(clock && { clock }) });
const manager = auth.resolve("tools");
const requestToken = () =>
  manager.getAccessToken().then(
    () => print("token"),
    (error) => print(error.code),
  );

const plans = {
  /** Waits for a token. On SIGTERM it calls `stop()`, and moves its clock by six seconds. */
  async stops() {
    process.once("SIGTERM", async () => {
      const stopped = auth.stop();
      for (let passed = 0; passed < 6_000; passed += 100) await clock.advance(100);
      await stopped;
      print("stopped");
    });
    await requestToken();
  },
  /** Waits for a token. Node handles SIGTERM. */
  async dies() {
    await requestToken();
  },
  /** Starts everything that runs by itself, and then has nothing more to do. */
  async ends() {
    await auth.start();
    await requestToken();
    print("done");
  },
  /** Blocks the event loop while the response arrives, until two seconds after the timeout of 15 s. */
  async blocks() {
    const isSent = new Promise((resolve) => {
      subscribe("undici:request:bodySent", ({ request }) => request.path === "/token" && resolve());
    });
    const waiting = requestToken();
    await isSent;
    const end = Date.now() + 17_000;
    while (Date.now() < end);
    await waiting;
    process.disconnect();
  },
};
await plans[plan]();

function createFakeClock() {
  const timers = new Set();
  let now = Date.now();
  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      const timer = { callback, dueAt: now + milliseconds };
      timers.add(timer);
      return { unref() {}, cancel: () => void timers.delete(timer) };
    },
    async advance(milliseconds) {
      now += milliseconds;
      for (const timer of [...timers]) if (timer.dueAt <= now && timers.delete(timer)) timer.callback();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
