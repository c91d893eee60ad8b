// An agent as a process of its own, for canaries-process.test.ts: does with every server of the config of its folder what
// there is to do, and says nothing but how many answered.
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
