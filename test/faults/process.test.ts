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

/** An agent in a process of its own, over the servers of the world. */
function agent(world: FaultWorld, plan: string, members: object = {}) {
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
  // At its "exit" alone, what it said may still be on its way.
  const ended = Promise.all([
    once(child, "exit"),
    ...[child.stdout, child.stderr].map((stream) => stream && finished(stream)),
  ]).then(([[code, signal]]) => ({ code: code as number | null, signal: signal as string | null }));
  world.onEnd(() => void child.kill("SIGKILL"));
  return { child, lines, ended };
}

/** Token requests are not answered. */
function silence(world: FaultWorld): Promise<void> {
  return new Promise((resolve) => world.issuer.answer("token", () => resolve()));
}

/** `stop()` while this is under way: whoever waits gets `stopped`, within five seconds. */
function stopDuring(
  name: string,
  begin: (world: FaultWorld) => Promise<readonly Promise<unknown>[]>,
  sees = "`stopped`",
): Fault {
  return {
    name: `\`stop()\` during ${name}`,
    sees,
    requests: "none after it",
    recovery: "never: it has stopped",
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

/** The runtime works on whatever its host's own code does. */
function foreign(
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
    name: "SIGTERM during a token request, which the host answers with `stop()`",
    sees: "`stopped`",
    requests: "1",
    recovery: "the process ends by itself, within six seconds",
    async run(world) {
      const asked = silence(world);
      const { child, lines, ended } = agent(world, "stops");
      await asked;
      child.kill("SIGTERM");
      child.disconnect();
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines.toSorted()).toEqual(["stopped", "stopped"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "SIGTERM during a token request, of which the host takes no notice",
    sees: "nothing any more",
    requests: "1",
    recovery: "the process dies at once, as any other",
    async run(world) {
      const asked = silence(world);
      const { child, lines, ended } = agent(world, "dies");
      await asked;
      child.kill("SIGTERM");
      const end = await ended;
      world.note(end);
      expect(end).toEqual({ code: null, signal: "SIGTERM" });
      expect(lines).toEqual([]);
    },
  },
  {
    name: "the host has nothing more to do, with a token in hand and a schedule",
    sees: "a token",
    requests: "1",
    recovery: "the process ends by itself",
    async run(world) {
      const { child, lines, ended } = agent(world, "ends", { refresh: { schedule: "*/1 * * * * *" } });
      child.disconnect();
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines).toEqual(["token", "done"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "the event loop is blocked until two seconds after the timeout, while the answer arrives",
    sees: "a token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { lines, ended } = agent(world, "blocks", { timeout: "15s", retry: { attempts: 1 } });
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(lines).toEqual(["token"]);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "ten thousand callers at once, without a token",
    sees: "a token, each of them the same",
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
    name: "ten thousand callers at once, after the token has expired",
    sees: "a token, each of them the same",
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
    name: "ten thousand callers at once, half of whom give up",
    sees: "a token; `aborted` for those who gave up",
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
    name: "a caller who has given up before",
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
    const asked = new Promise<void>((resolve) => world.issuer.answer("metadata", () => resolve()));
    world.hold(world.issuer.origin);
    const manager = await world.manager();
    const waiting = [manager.getAccessToken(), manager.getAccessToken()];
    await asked;
    return waiting;
  }),
  stopDuring("a token request", async (world) => {
    const asked = silence(world);
    world.hold(world.issuer.origin);
    const manager = await world.manager();
    const waiting = [manager.getAccessToken(), manager.getAccessToken({ forceRefresh: true })];
    await asked;
    return waiting;
  }),
  stopDuring(
    "a token request that ends in time",
    async (world) => {
      const manager = await world.manager();
      const waiting = [manager.getAccessToken()];
      await world.issuer.received(1);
      return waiting;
    },
    "the token, those who waited for it",
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
    const asked = silence(world);
    await world.clock.skip(419 * second);
    world.hold(world.issuer.origin);
    world.clock.stall(2 * second);
    await manager.getAccessToken();
    await asked;
    return [];
  }),
  stopDuring("`start()`", async (world) => {
    const asked = silence(world);
    world.hold(world.issuer.origin);
    const auth = await world.auth();
    const started = auth.start({ require: ["tools"] });
    await asked;
    return [started];
  }),
  stopDuring(
    "another `stop()`",
    async (world) => {
      const auth = await world.auth();
      await world.until((await world.manager()).getAccessToken());
      return [auth.stop(), auth.stop()];
    },
    "nothing: both end",
  ),
  foreign("a logger that throws", (world) => {
    const fail = throwing(world);
    return { logger: { debug: fail, info: fail, warn: fail, error: fail } };
  }),
  foreign("a logger that rejects", (world) => {
    const fail = async () => throwing(world)();
    return { logger: { debug: fail, info: fail, warn: fail, error: fail } };
  }),
  {
    name: "listeners that throw and reject",
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
    name: "a `fetch` of the host's that never settles and takes no notice of its signal",
    sees: "`timeout`",
    requests: "as many as fit into the deadline",
    recovery: "never, with such a `fetch`; the caller gets the error in time",
    async run(world) {
      const auth = await world.runtime<"tools">({ fetch: () => new Promise(() => {}) });
      const begun = world.clock.now();
      expect((await world.failure(auth.resolve("tools").getAccessToken())).code).toBe("timeout");
      expect(world.clock.now() - begun).toBeLessThanOrEqual(30 * second);
    },
  },
  {
    name: "a `fetch` of the host's that throws",
    sees: "`unavailable`",
    requests: "4 attempts",
    recovery: "never, with such a `fetch`",
    async run(world) {
      let calls = 0;
      const auth = await world.runtime<"tools">({
        fetch: (input) => {
          if (!String(input).includes("protected-resource")) calls += 1;
          return throwing(world)();
        },
      });
      expect((await world.failure(auth.resolve("tools").getAccessToken())).code).toBe("unavailable");
      // Both locations of the issuer's metadata with each attempt; the server's own stops nothing.
      expect(calls).toBe(8);
    },
  },
  {
    name: "a thousand calls that fail, over hours",
    sees: "the same error, with `retryAfter`",
    requests: "one a minute",
    recovery: "nothing has gathered: one timer at the most",
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
