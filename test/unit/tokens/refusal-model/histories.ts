import fc from "fast-check";
import { second } from "../fixtures.js";
import type { Circumstances, TokenMode, ToolRequest } from "./servers.js";
import { type CallOptions, type Figures, World } from "./world.js";

/** What happens at one moment of a history. */
type Action = (world: World) => void;

export interface History {
  readonly circumstances: Circumstances;
  /** Milliseconds since the previous event, and the event. */
  readonly events: readonly (readonly [number, Action])[];
}

const tools = ["good", "fine", "jira", "wiki"];

/** Starts a call without waiting for it. */
const call =
  (process: number, tool: string, options?: CallOptions): Action =>
  (world) =>
    void world.call(world.process(process), { path: "/mcp", tool }, options);

/** Makes the same call `times` times, one every `pause` milliseconds. */
const repeated =
  (process: number, tool: string, times: number, pause: number): Action =>
  (world) => {
    const next = (left: number): void => {
      call(process, tool)(world);
      if (left > 1) world.clock.setTimeout(() => next(left - 1), pause);
    };
    next(times);
  };

const revoked =
  (times: number, pause: number): Action =>
  (world) => {
    world.revoke();
    if (times > 1) world.clock.setTimeout(() => revoked(times - 1, pause)(world), pause);
  };

const burst =
  (process: number, count: number): Action =>
  (world) => {
    for (let index = 0; index < count; index += 1)
      call(process + index, tools[index % tools.length] ?? "")(world);
  };

/** Makes a call in the session of the process. If the session is refused, the client begins another one. */
const inSession =
  (number: number): Action =>
  (world) => {
    const process = world.process(number);
    const begin = async (): Promise<void> => {
      if ((await world.call(process, { path: "/mcp" })) === 200) process.session = world.toolServer.session;
    };
    const use = async (): Promise<void> => {
      const request: ToolRequest = { path: "/mcp", tool: "good", session: process.session };
      if ((await world.call(process, request)) === 401) await begin();
    };
    void (process.session === undefined ? begin() : use());
  };

let paths = 0;
const anywhere =
  (process: number): Action =>
  (world) => {
    paths += 1;
    void world.call(world.process(process), { path: `/random/${paths}`, tool: "good" });
  };

const turn =
  (tool: string, status: 401 | 403 | undefined): Action =>
  (world) =>
    world.change(() => {
      if (status === undefined) world.toolServer.bad.delete(tool);
      else world.toolServer.bad.set(tool, status);
    });

const issuing =
  (mode: TokenMode, latency: number): Action =>
  (world) =>
    world.change(() => Object.assign(world.tokenServer, { mode, latency }));

const force =
  (process: number): Action =>
  (world) =>
    void world
      .process(process)
      .cache.getToken({ reason: "forced" })
      .catch(() => {});

function named(name: string, action: Action): Action {
  return Object.assign(action, { [fc.toStringMethod]: () => name });
}

const process = fc.nat({ max: 7 });
const tool = fc.constantFrom(...tools);

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(process, tool).map(([p, t]) => named(`call ${p} ${t}`, call(p, t))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(process, tool, fc.constantFrom(5, 20, 60), fc.constantFrom(100, 500, 1_000, 3_000))
      .map(([p, t, times, ms]) => named(`${times} calls ${p} ${t} each ${ms}`, repeated(p, t, times, ms))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, fc.integer({ min: 2, max: 12 }))
      .map(([p, n]) => named(`burst ${p} ${n}`, burst(p, n))),
  },
  { weight: 3, arbitrary: process.map((p) => named(`session ${p}`, inSession(p))) },
  { weight: 2, arbitrary: process.map((p) => named(`anywhere ${p}`, anywhere(p))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, tool)
      .map(([p, t]) => named(`stream ${p} ${t}`, call(p, t, { isStream: true }))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, tool, fc.constantFrom(0, 5, 40, 200, 1_000))
      .map(([p, t, ms]) => named(`call ${p} ${t} and leave after ${ms}`, call(p, t, { leavesAfter: ms }))),
  },
  { weight: 3, arbitrary: fc.constant(named("revoke", (world) => world.revoke())) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(3, 10, 30), fc.constantFrom(300, 2_000, 7_000))
      .map(([times, ms]) => named(`revoke ${times} times each ${ms}`, revoked(times, ms))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(tool, fc.constantFrom(401, 403, undefined))
      .map(([t, status]) => named(`${t} ${status ?? "good again"}`, turn(t, status))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom<TokenMode>("up", "up", "down", "refusing"), fc.constantFrom(20, 200, 4_000))
      .map(([mode, ms]) => named(`authorization server ${mode} ${ms}`, issuing(mode, ms))),
  },
  fc.constant(named("sessions forgotten", (world) => world.change(() => world.toolServer.forgetSessions()))),
  process.map((p) => named(`force ${p}`, force(p))),
  process.map((p) => named(`another credential ${p}`, (world) => world.process(p).changeCredential())),
);

const pauses = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 12_000 }),
  fc.constantFrom(1_000, 2_000, 4_000, 10_000, 60_000),
);

const circumstances: fc.Arbitrary<Circumstances> = fc.record({
  processes: fc.constantFrom(1, 1, 2, 2, 3, 8),
  store: fc.constantFrom("none", "shared", "shared", "unnamed"),
  storeLatency: fc.constantFrom(0, 3, 50),
  lifetime: fc.constantFrom(10, 60, 600, 3_600).map((seconds) => seconds * second),
  tokenLatency: fc.constantFrom(20, 200, 1_000),
  latency: fc.constantFrom(5, 30, 400),
  acceptsOnce: fc.constantFrom(false, false, false, true),
  acceptsAfter: fc.constantFrom(0, 0, 0, 2_000),
  repeatsFor: fc.constantFrom(0, 0, 0, 30_000),
  bad: fc.constantFrom([], ["jira"], ["jira", "wiki"]),
});

export const histories: fc.Arbitrary<History> = fc.record({
  circumstances,
  events: fc.array(fc.tuple(pauses, actions), { minLength: 1, maxLength: 40 }),
});

/** Runs one history and returns the figures. Throws an error that lists the violations. */
export async function runHistory({ circumstances: given, events }: History): Promise<Figures> {
  const world = new World(given);
  for (const [pause, action] of events) {
    await world.clock.advance(pause);
    world.steps += 1;
    action(world);
  }
  const figures = await world.end();
  if (world.violations.length > 0) throw new Error(world.violations.slice(0, 8).join("\n"));
  return figures;
}
