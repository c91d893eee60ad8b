import { fork } from "node:child_process";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { sendJson } from "../support/http-server.js";
import { type Fault, faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;
const program = fileURLToPath(new URL("agent.mjs", import.meta.url));

/** Starts an agent in its own process, with the servers of the world. */
function startAgent(world: FaultWorld, plan: string, members: object = {}) {
  const { tools } = world.config.servers;
  const env = {
    ...process.env,
    ...world.env,
    CONFIG: JSON.stringify({ servers: { tools: { ...tools, ...members } } }),
  };
  const child = fork(program, [plan], { env, stdio: ["ignore", "pipe", "pipe", "ipc"], execArgv: [] });
  const lines: string[] = [];
  const note = (chunk: unknown) => {
    lines.push(...String(chunk).trim().split("\n"));
    world.note(String(chunk));
  };
  child.stdout?.on("data", note);
  child.stderr?.on("data", note);
  // On "exit" alone, some output may not have arrived yet.
  const ended = Promise.all([
    once(child, "exit"),
    ...[child.stdout, child.stderr].map((stream) => stream && finished(stream)),
  ]).then(([[code, signal]]) => ({ code: code as number | null, signal: signal as string | null }));
  world.onEnd(() => void child.kill("SIGKILL"));
  return { child, lines, ended };
}

/** Lets token requests wait for ever. Resolves on the first one. */
function leaveTokenRequestsOpen(world: FaultWorld): Promise<void> {
  return new Promise((resolve) => world.issuer.answer("token", () => resolve()));
}

/** Calls `stop()` while something is in progress. Waiting callers get `stopped` within five seconds. */
function stopDuring(
  name: string,
  begin: (world: FaultWorld) => Promise<readonly Promise<unknown>[]>,
  sees = "`stopped`",
): Fault {
  return {
    name: `\`stop()\` during ${name}`,
    sees,
    requests: "none after `stop()`",
    recovery: "none: the runtime has stopped",
    async run(world) {
      const waiting = (await begin(world)).map((promise) =>
        promise.then(
          () => "ended",
          (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
        ),
      );
      const auth = await world.auth();
      const begun = world.clock.now();
      await world.until(auth.stop());
      expect(world.clock.now() - begun).toBeLessThanOrEqual(5 * second);
      const outcomes = await world.until(Promise.all(waiting));
      for (const outcome of outcomes) expect(["stopped", "ended"]).toContain(outcome);
      if (sees === "`stopped`") expect(outcomes).not.toContain("ended");
      const requests = world.exchanges.length;
      const manager = await world.manager().catch((error: { code: string }) => error.code);
      expect(manager).toBe("stopped");
      await world.clock.skip(10 * minute);
      expect(world.exchanges.length).toBe(requests);
    },
  };
}

/** The runtime works although code of the host fails. */
function hostFault(
  name: string,
  options: (world: FaultWorld) => object,
  then?: (world: FaultWorld) => Promise<void>,
): Fault {
  return {
    name,
    sees: "a token",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      await then?.(world);
      const auth = await world.runtime<"tools">(options(world));
      const token = await world.until(auth.resolve("tools").getAccessToken());
      expect(world.issued).toContain(token);
      expect(world.issuer.calls).toBe(1);
    },
  };
}

const throwing = (world: FaultWorld) => (): never => {
  throw new Error(world.canary);
};

faults("Process", [
  {
    name: "SIGTERM during a token request, and the host calls `stop()`",
    sees: "`stopped`",
    requests: "1",
    recovery: "the process ends by itself, within six seconds",
    async run(world) {
      const requested = leaveTokenRequestsOpen(world);
      const { child, lines, ended } = startAgent(world, "stops");
      await requested;
      child.kill("SIGTERM");
      child.disconnect();
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines.toSorted()).toEqual(["stopped", "stopped"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "SIGTERM during a token request, and the host does not handle it",
    sees: "nothing",
    requests: "1",
    recovery: "none: the process ends at once",
    async run(world) {
      const requested = leaveTokenRequestsOpen(world);
      const { child, lines, ended } = startAgent(world, "dies");
      await requested;
      child.kill("SIGTERM");
      const end = await ended;
      world.note(end);
      expect(end).toEqual({ code: null, signal: "SIGTERM" });
      expect(lines).toEqual([]);
    },
  },
  {
    name: "the host has nothing more to do, while there is a token and a schedule",
    sees: "a token",
    requests: "1",
    recovery: "the process ends by itself",
    async run(world) {
      const { child, lines, ended } = startAgent(world, "ends", { refresh: { schedule: "*/1 * * * * *" } });
      child.disconnect();
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines).toEqual(["token", "done"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "the event loop is blocked until two seconds after the timeout, while the response arrives",
    sees: "a token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { lines, ended } = startAgent(world, "blocks", { timeout: "15s", retry: { attempts: 1 } });
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines).toEqual(["token"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "ten thousand concurrent callers, without a token",
    sees: "a token, the same for each of them",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      const tokens = await world.until(
        Promise.all(Array.from({ length: 10_000 }, () => manager.getAccessToken())),
      );
      expect(new Set(tokens).size).toBe(1);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "ten thousand concurrent callers, after the token has expired",
    sees: "a token, the same for each of them",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      world.clock.stall(11 * minute);
      const tokens = await world.until(
        Promise.all(Array.from({ length: 10_000 }, () => manager.getAccessToken())),
      );
      expect(new Set(tokens).size).toBe(1);
      expect(world.issuer.calls).toBe(2);
    },
  },
  {
    name: "ten thousand concurrent callers, half of which abort",
    sees: "a token, or `aborted` after aborting",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      const leaving = new AbortController();
      const outcomes = Array.from({ length: 10_000 }, (_, index) =>
        manager.getAccessToken(index % 2 === 0 ? {} : { signal: leaving.signal }).then(
          () => "token",
          (error: { code: string }) => error.code,
        ),
      );
      leaving.abort();
      const seen = await world.until(Promise.all(outcomes));
      expect(seen.filter((one) => one === "token")).toHaveLength(5_000);
      expect(seen.filter((one) => one === "aborted")).toHaveLength(5_000);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "a call with a signal that is already aborted",
    sees: "`aborted`",
    requests: "none",
    recovery: "the next call",
    async run(world) {
      const manager = await world.manager();
      const error = await world.failure(manager.getAccessToken({ signal: AbortSignal.abort() }));
      expect(error.code).toBe("aborted");
      expect(world.exchanges).toHaveLength(0);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
    },
  },
  stopDuring("discovery", async (world) => {
    const requested = new Promise<void>((resolve) => world.issuer.answer("metadata", () => resolve()));
    world.hold(world.issuer.origin);
    const manager = await world.manager();
    const waiting = [manager.getAccessToken(), manager.getAccessToken()];
    await requested;
    return waiting;
  }),
  stopDuring("a token request", async (world) => {
    const requested = leaveTokenRequestsOpen(world);
    world.hold(world.issuer.origin);
    const manager = await world.manager();
    const waiting = [manager.getAccessToken(), manager.getAccessToken({ forceRefresh: true })];
    await requested;
    return waiting;
  }),
  stopDuring(
    "a token request that finishes in time",
    async (world) => {
      const manager = await world.manager();
      const waiting = [manager.getAccessToken()];
      await world.issuer.received(1);
      return waiting;
    },
    "the token",
  ),
  stopDuring("a pause between two attempts", async (world) => {
    world.issuer.answer("token", (_request, response) =>
      sendJson(response, {}, 503, { "retry-after": "20" }),
    );
    const manager = await world.manager();
    const waiting = [manager.getAccessToken()];
    while (world.issuer.calls === 0) await world.issuer.received(world.issuer.requests.length + 1);
    await world.clock.skip(0);
    return waiting;
  }),
  stopDuring("a cool-down", async (world) => {
    world.issuer.answer("token", (_request, response) => sendJson(response, {}, 400));
    const manager = await world.manager();
    await world.failure(manager.getAccessToken());
    return [];
  }),
  stopDuring("a renewal in the background", async (world) => {
    const manager = await world.manager();
    await world.until(manager.getAccessToken());
    const requested = leaveTokenRequestsOpen(world);
    await world.clock.skip(419 * second);
    world.hold(world.issuer.origin);
    world.clock.stall(2 * second);
    await manager.getAccessToken();
    await requested;
    return [];
  }),
  stopDuring("`start()`", async (world) => {
    const requested = leaveTokenRequestsOpen(world);
    world.hold(world.issuer.origin);
    const auth = await world.auth();
    const started = auth.start({ require: ["tools"] });
    await requested;
    return [started];
  }),
  stopDuring(
    "another `stop()`",
    async (world) => {
      const auth = await world.auth();
      await world.until((await world.manager()).getAccessToken());
      return [auth.stop(), auth.stop()];
    },
    "nothing: both calls resolve",
  ),
  hostFault("a logger that throws", (world) => {
    const fail = throwing(world);
    return { logger: { debug: fail, info: fail, warn: fail, error: fail } };
  }),
  hostFault("a logger that rejects", (world) => {
    const fail = async () => throwing(world)();
    return { logger: { debug: fail, info: fail, warn: fail, error: fail } };
  }),
  {
    name: "listeners that throw or reject",
    sees: "a token",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const auth = await world.auth();
      auth.on("token:renewed", throwing(world));
      auth.on("token:renewed", async () => throwing(world)());
      const token = await world.until(auth.resolve("tools").getAccessToken());
      expect(world.issued).toEqual([token]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "a `fetch` of the host that never settles and ignores its signal",
    sees: "`timeout`",
    requests: "as many as fit into the deadline",
    recovery: "none with such a `fetch`; the caller gets the error in time",
    async run(world) {
      const auth = await world.runtime<"tools">({ fetch: () => new Promise(() => {}) });
      const begun = world.clock.now();
      expect((await world.failure(auth.resolve("tools").getAccessToken())).code).toBe("timeout");
      expect(world.clock.now() - begun).toBeLessThanOrEqual(30 * second);
    },
  },
  {
    name: "a `fetch` of the host that throws",
    sees: "`unavailable`",
    requests: "4 attempts",
    recovery: "none with such a `fetch`",
    async run(world) {
      let calls = 0;
      const auth = await world.runtime<"tools">({
        fetch: (input) => {
          if (!String(input).includes("protected-resource")) calls += 1;
          return throwing(world)();
        },
      });
      expect((await world.failure(auth.resolve("tools").getAccessToken())).code).toBe("unavailable");
      // Each attempt requests both locations of the issuer's metadata.
      expect(calls).toBe(8);
    },
  },
  {
    name: "a thousand failing calls over several hours",
    sees: "the same error, with `retryAfter`",
    requests: "one per minute",
    recovery: "nothing accumulates: there is at most one timer",
    async run(world) {
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { error: "invalid_client" }, 401),
      );
      const manager = await world.manager();
      for (let calls = 0; calls < 1_000; calls += 1) {
        const error = await world.failure(manager.getAccessToken());
        expect(error.code).toBe("token_request_rejected");
        await world.clock.skip(10 * second);
      }
      expect(world.issuer.calls).toBeLessThan(180);
      expect(world.clock.waiting).toBeLessThanOrEqual(1);
    },
  },
]);
