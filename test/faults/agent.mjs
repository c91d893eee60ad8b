// An agent of one server, as a process of its own: `node agent.mjs PLAN`, with the config in CONFIG. Says what happens in
// lines on stdout.
import { subscribe } from "node:diagnostics_channel";
import { createMcpAuth } from "../../dist/index.js";

const say = (line) => process.stdout.write(`${line}\n`);
process.on("unhandledRejection", () => say("unhandled"));
const plan = process.argv[2];
// That of a process that is to end in time stands still, but for the seconds that it has.
const clock = plan === "stops" ? stillClock() : undefined;
const auth = await createMcpAuth({ config: JSON.parse(process.env.CONFIG), ...(clock && { clock }) });
const manager = auth.resolve("tools");
const token = () =>
  manager.getAccessToken().then(
    () => say("token"),
    (error) => say(error.code),
  );

const plans = {
  /** Waits for a token, and stops when told to end, within six seconds or never. */
  async stops() {
    process.once("SIGTERM", async () => {
      const stopped = auth.stop();
      for (let passed = 0; passed < 6_000; passed += 100) await clock.pass(100);
      await stopped;
      say("stopped");
    });
    await token();
  },
  /** The same, and leaves what is to be done then to Node. */
  async dies() {
    await token();
  },
  /** Has all that there is to go on by itself, and nothing to do. */
  async ends() {
    await auth.start();
    await token();
    say("done");
  },
  /** Does nothing else until two seconds after the timeout of fifteen, while the answer comes. */
  async blocks() {
    const isSent = new Promise((resolve) => {
      subscribe("undici:request:bodySent", ({ request }) => request.path === "/token" && resolve());
    });
    const waiting = token();
    await isSent;
    const end = Date.now() + 17_000;
    while (Date.now() < end);
    await waiting;
    process.disconnect();
  },
};
await plans[plan]();

function stillClock() {
  const timers = new Set();
  let now = Date.now();
  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      const timer = { callback, dueAt: now + milliseconds };
      timers.add(timer);
      return { unref() {}, cancel: () => void timers.delete(timer) };
    },
    async pass(milliseconds) {
      now += milliseconds;
      for (const timer of [...timers]) if (timer.dueAt <= now && timers.delete(timer)) timer.callback();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
