// What a call waits for beside its token, and never comes.
import { expect } from "vitest";
import { type Fault, faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;

/** A server with a header whose value never comes. */
async function withSilentHeader(world: FaultWorld) {
  let arrived = (): void => {};
  const asked = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const { tools } = world.config.servers;
  const headers = { "x-key": { resolver: "silent", ref: "r" } };
  const auth = await world.runtime<"tools">({
    // The metadata would be asked for with the header.
    config: { servers: { tools: { ...tools, headers, deadline: "5s", resourceMetadata: false } } },
    resolvers: {
      silent: () => {
        arrived();
        return new Promise(() => {});
      },
    },
  });
  return { auth, asked, manager: auth.resolve("tools") };
}

/** It never comes, and the call ends all the same. */
function silentHeader(
  name: string,
  sees: "aborted" | "timeout" | "stopped",
  end: (world: FaultWorld, given: { stop: () => Promise<void>; caller: AbortController }) => unknown,
): Fault {
  return {
    name: `the value of a header of the config never comes, ${name}`,
    sees: `\`${sees}\``,
    requests: "none to the MCP server",
    recovery: "none needed",
    async run(world) {
      const { auth, asked, manager } = await withSilentHeader(world);
      const caller = new AbortController();
      const call = manager.fetch(manager.url, { signal: caller.signal });
      const failed = call.then(
        () => "sent",
        (error: unknown) => error,
      );
      await asked;
      const begun = world.clock.now();
      await end(world, { stop: () => auth.stop(), caller });
      expect(await world.until(failed)).toMatchObject({ code: sees });
      expect(world.clock.now() - begun).toBeLessThanOrEqual(6 * second);
      expect(world.mcp.requests.filter(({ url }) => url === new URL(manager.url).pathname)).toEqual([]);
    },
  };
}

faults("Process", [
  silentHeader("and the caller gives up", "aborted", (_world, { caller }) => caller.abort()),
  silentHeader("and the deadline passes", "timeout", (world) => world.clock.skip(5 * second)),
  silentHeader("and the host calls `stop()`", "stopped", (world, { stop }) => world.until(stop())),
  {
    name: "a `fetch` of the host's that gives no response",
    sees: "`config_invalid`",
    requests: "1 attempt",
    recovery: "never, with such a `fetch`",
    async run(world) {
      let calls = 0;
      const auth = await world.runtime<"tools">({
        fetch: async () => {
          calls += 1;
          // As JavaScript can.
          return undefined as never;
        },
      });
      const error = await world.failure(auth.resolve("tools").getAccessToken());
      expect([error.code, error.retryable]).toEqual(["config_invalid", false]);
      // Both metadata documents.
      expect(calls).toBeLessThanOrEqual(2);
    },
  },
]);
