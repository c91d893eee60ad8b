// An agent for canaries-process.test.ts, run as a separate process. It exercises every server of the config in its
// folder and prints only how many answered.
import { createMcpAuth } from "mcp-auth-runtime";

const auth = await createMcpAuth();
await auth.start();
const outcomes = await Promise.allSettled(
  auth.servers.map(async (name) => {
    const manager = auth.resolve(name);
    const call = async () => (await manager.fetch(manager.url, { method: "POST", body: "{}" })).status;
    const status = await call();
    await manager.getToken({ forceRefresh: true });
    await call();
    return status;
  }),
);
await auth.stop();
const answered = outcomes.filter(({ status, value }) => status === "fulfilled" && value === 200);
process.stdout.write(`${answered.length} of ${outcomes.length} answered\n`);
