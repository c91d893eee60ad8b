// Things other than the token that a call waits for, and that never arrive.
import { expect } from "vitest";
import { type Fault, faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;

/** A runtime with a header whose value never arrives. */
async function withPendingHeader(world: FaultWorld) {
  let arrived = (): void => {};
  const requested = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const { tools } = world.config.servers;
  const headers = { "x-key": { resolver: "silent", ref: "r" } };
  const auth = await world.runtime<"tools">({
    // Requests for the metadata would carry the header.
    config: { servers: { tools: { ...tools, headers, deadline: "5s", resourceMetadata: false } } },
    resolvers: {
      silent: () => {
        arrived();
        return new Promise(() => {});
      },
    },
  });
  return { auth, requested, manager: auth.resolve("tools") };
}

/** The value never arrives, and the call still ends. */
function pendingHeader(
  name: string,
  sees: "aborted" | "timeout" | "stopped",
  end: (world: FaultWorld, given: { stop: () => Promise<void>; caller: AbortController }) => unknown,
): Fault {
  return {
    name: `the value of a header of the config never arrives, ${name}`,
    sees: `\`${sees}\``,
    requests: "none to the MCP server",
    recovery: "none needed",
    async run(world) {
      const { auth, requested, manager } = await withPendingHeader(world);
      const caller = new AbortController();
      const call = manager.fetch(manager.url, { signal: caller.signal });
      const failed = call.then(
        () => "sent",
        (error: unknown) => error,
      );
      await requested;
      const begun = world.clock.now();
      await end(world, { stop: () => auth.stop(), caller });
      expect(await world.until(failed)).toMatchObject({ code: sees });
      expect(world.clock.now() - begun).toBeLessThanOrEqual(6 * second);
      expect(world.mcp.requests.filter(({ url }) => url === new URL(manager.url).pathname)).toEqual([]);
    },
  };
}

faults("Process", [
  pendingHeader("and the caller aborts", "aborted", (_world, { caller }) => caller.abort()),
  pendingHeader("and the deadline passes", "timeout", (world) => world.clock.skip(5 * second)),
  pendingHeader("and the host calls `stop()`", "stopped", (world, { stop }) => world.until(stop())),
  {
    name: "a `fetch` of the host that returns no response",
    sees: "`config_invalid`",
    requests: "1 attempt",
    recovery: "none with such a `fetch`",
    async run(world) {
      let calls = 0;
      const auth = await world.runtime<"tools">({
        fetch: async () => {
          calls += 1;
          // JavaScript code can do this in spite of the types.
          return undefined as never;
        },
      });
      const error = await world.failure(auth.resolve("tools").getAccessToken());
      expect([error.code, error.retryable]).toEqual(["config_invalid", false]);
      // One for each of the two metadata documents.
      expect(calls).toBeLessThanOrEqual(2);
    },
  },
]);
