// What is asserted of a fault between us and the authorization server, for a caller without a token and one with.
import { expect } from "vitest";
import { McpAuthError } from "../../src/index.js";
import { createWorld, type OwnWorld } from "./create-world.js";
import type { AuthorizationFault, Group } from "./fault.js";
import { withWorld } from "./left-behind.js";

const cooldown = 1_000;
const defaultAttempts = 4;
// With a lifetime of 600 s and no jitter: usable for 570 s, and stale for the last 150 of them.
const staleAt = 420_000;
const usableFor = 570_000;
const failingFor = 30_000;
const second = 1_000;

/** Milliseconds from the failure until a call succeeds. */
export function recoveryOf(row: AuthorizationFault): number {
  return row.recovery ?? (row.sees === "a token" ? 0 : cooldown);
}

function kindOf(group: Group, row: AuthorizationFault) {
  return row.counted ?? (group === "Metadata" ? "metadata" : "token");
}

/** All answers are good again, unless the row has a way of its own. */
async function end(row: AuthorizationFault, world: OwnWorld): Promise<void> {
  if (row.end !== undefined) return await row.end(world);
  for (const path of ["metadata", "token"] as const) world.issuer.answer(path, undefined);
  for (const path of ["resource-metadata", "mcp"] as const) world.mcp.answer(path, undefined);
}

/** What a call gives: the token, or the error. */
async function outcome(world: OwnWorld): Promise<string | McpAuthError> {
  const manager = await world.manager();
  try {
    return await world.until(manager.getAccessToken());
  } catch (error) {
    world.note(error);
    if (error instanceof McpAuthError) return error;
    throw error;
  }
}

function seenAs(result: string | McpAuthError): string {
  return typeof result === "string" ? "a token" : result.code;
}

function isUngated({ tokenEndpoint, issuerOrigin }: OwnWorld): boolean {
  return tokenEndpoint.startsWith(issuerOrigin);
}

export async function withoutToken(group: Group, row: AuthorizationFault): Promise<void> {
  await withWorld(await createWorld(row.config), async (world) => {
    const kind = kindOf(group, row);
    await row.before?.(world);
    await row.start(world);
    const first = await outcome(world);
    expect({ sees: seenAs(first), requests: world.count(kind) }).toEqual({
      sees: row.sees,
      requests: row.requests,
    });
    // Nothing between us and the server sends a request again, or keeps one back.
    if (kind === "token" && isUngated(world)) expect(world.issuer.calls).toBe(row.requests);
    await end(row, world);

    const recovery = recoveryOf(row);
    if (recovery > 0) {
      await world.clock.skip(recovery - 1);
      expect(seenAs(await outcome(world)), "before the time of recovery").toBe(row.sees);
      expect(world.count(kind), "requests before the time of recovery").toBe(row.requests);
      await world.clock.skip(1);
    }
    const recovered = await outcome(world);
    expect(seenAs(recovered), "once it has passed").toBe("a token");
    expect(world.issued).toContain(recovered);
    await row.check?.(world);
  });
}

export async function withToken(group: Group, row: AuthorizationFault): Promise<void> {
  await withWorld(await createWorld(row.config), async (world) => {
    const kind = kindOf(group, row);
    await row.before?.(world);
    const manager = await world.manager();
    const token = await outcome(world);
    expect(world.issued).toEqual([token]);
    await world.clock.skip(staleAt - 1);
    const before = world.count(kind);
    await row.start(world);

    expect(manager.status().state).toBe("fresh");
    // The renewal is due, and no timer has run: the first call begins it, the second comes while it is under way.
    world.clock.stall(1);
    expect(manager.status().state).toBe("stale");
    for (const which of ["the call that begins the renewal", "a call while it is under way"]) {
      expect(await atOnce(manager.getAccessToken()), which).toBe(token);
    }
    for (let elapsed = 0; elapsed < failingFor; elapsed += second) {
      expect(seenAs(await outcome(world)), `${elapsed} ms after the token became stale`).toBe("a token");
      await world.clock.skip(second);
    }
    const { attempts } = world;
    const most = Math.max(...attempts.map(({ attempt }) => attempt));
    expect(most).toBeLessThanOrEqual(defaultAttempts);
    // One may be under way.
    const mostRequests = (attempts.length + 1) * (kind === "token" ? 1 : Math.max(row.requests, 1));
    expect(world.count(kind) - before, "one request an attempt").toBeLessThanOrEqual(mostRequests);

    await end(row, world);
    const recovery = recoveryOf(row);
    // Nobody calls: it is the timer that renews, within a quarter of what is left to the token.
    await world.clock.skip(Math.max(60 * second, recovery));
    if (row.sees !== "a token" && recovery < usableFor - staleAt - failingFor) {
      expect(manager.status().state, "by itself, once it has passed").toBe("fresh");
    }
    const recovered = await outcome(world);
    expect(world.issued).toContain(recovered);
    if (row.sees !== "a token") expect(recovered).not.toBe(token);
    await row.check?.(world);
  });
}

/** What a promise gives without anything but promises having had a turn. */
async function atOnce(promise: Promise<string>): Promise<string> {
  let result = "it waits";
  promise.then(
    (value) => {
      result = value;
    },
    () => {
      result = "it rejects";
    },
  );
  for (let turn = 0; turn < 100; turn += 1) await undefined;
  return result;
}
