// The assertions for a failure of the authorization server, for a caller without a token and for one with a token.
import { expect } from "vitest";
import { McpAuthError } from "../../src/index.js";
import { createWorld, type RowWorld } from "./create-world.js";
import type { AuthorizationFault, Group } from "./fault.js";
import { runInWorld } from "./run-in-world.js";

const cooldown = 1_000;
const defaultAttempts = 4;
// With a lifetime of 600 s and no jitter, a token is usable for 570 s and stale for the last 150 s of them.
const staleAt = 420_000;
const usableFor = 570_000;
const failureDuration = 30_000;
const second = 1_000;

/** Returns the milliseconds from the failure until a call succeeds. */
export function recoveryOf(row: AuthorizationFault): number {
  return row.recovery ?? (row.sees === "a token" ? 0 : cooldown);
}

function kindOf(group: Group, row: AuthorizationFault) {
  return row.counted ?? (group === "Metadata" ? "metadata" : "token");
}

/** Ends the failure: the servers answer correctly again, or the row's own `end` runs. */
async function endFailure(row: AuthorizationFault, world: RowWorld): Promise<void> {
  if (row.end !== undefined) return await row.end(world);
  for (const path of ["metadata", "token"] as const) world.issuer.answer(path, undefined);
  for (const path of ["resource-metadata", "mcp"] as const) world.mcp.answer(path, undefined);
}

/** Makes a call and returns the token or the error. */
async function outcome(world: RowWorld): Promise<string | McpAuthError> {
  const manager = await world.manager();
  try {
    return await world.until(manager.getAccessToken());
  } catch (error) {
    world.note(error);
    if (error instanceof McpAuthError) return error;
    throw error;
  }
}

function describeOutcome(result: string | McpAuthError): string {
  return typeof result === "string" ? "a token" : result.code;
}

function isUngated({ tokenEndpoint, issuerOrigin }: RowWorld): boolean {
  return tokenEndpoint.startsWith(issuerOrigin);
}

export async function checkWithoutToken(group: Group, row: AuthorizationFault): Promise<void> {
  await runInWorld(await createWorld(row.config), async (world) => {
    const kind = kindOf(group, row);
    await row.before?.(world);
    await row.start(world);
    const first = await outcome(world);
    expect({ sees: describeOutcome(first), requests: world.count(kind) }).toEqual({
      sees: row.sees,
      requests: row.requests,
    });
    // Each request reached the server exactly once.
    if (kind === "token" && isUngated(world)) expect(world.issuer.calls).toBe(row.requests);
    await endFailure(row, world);

    const recovery = recoveryOf(row);
    if (recovery > 0) {
      await world.clock.skip(recovery - 1);
      expect(describeOutcome(await outcome(world)), "the outcome before the time of recovery").toBe(row.sees);
      expect(world.count(kind), "requests before the time of recovery").toBe(row.requests);
      await world.clock.skip(1);
    }
    const recovered = await outcome(world);
    expect(describeOutcome(recovered), "the outcome after the failure has ended").toBe("a token");
    expect(world.issued).toContain(recovered);
    await row.check?.(world);
  });
}

export async function checkWithToken(group: Group, row: AuthorizationFault): Promise<void> {
  await runInWorld(await createWorld(row.config), async (world) => {
    const kind = kindOf(group, row);
    await row.before?.(world);
    const manager = await world.manager();
    const token = await outcome(world);
    expect(world.issued).toEqual([token]);
    await world.clock.skip(staleAt - 1);
    const before = world.count(kind);
    await row.start(world);

    expect(manager.status().state).toBe("fresh");
    // The renewal is due, but no timer has run: the first call starts it, and the second comes while it is in progress.
    world.clock.stall(1);
    expect(manager.status().state).toBe("stale");
    for (const which of ["the call that starts the renewal", "a call during the renewal"]) {
      expect(await resultWithoutWaiting(manager.getAccessToken()), which).toBe(token);
    }
    for (let elapsed = 0; elapsed < failureDuration; elapsed += second) {
      expect(describeOutcome(await outcome(world)), `${elapsed} ms after the token became stale`).toBe(
        "a token",
      );
      await world.clock.skip(second);
    }
    const { attempts } = world;
    const highestAttempt = Math.max(...attempts.map(({ attempt }) => attempt));
    expect(highestAttempt).toBeLessThanOrEqual(defaultAttempts);
    // One more attempt may be in progress.
    const maxRequests = (attempts.length + 1) * (kind === "token" ? 1 : Math.max(row.requests, 1));
    expect(world.count(kind) - before, "requests per attempt").toBeLessThanOrEqual(maxRequests);

    await endFailure(row, world);
    const recovery = recoveryOf(row);
    // Without calls, the timer renews the token within a quarter of its remaining lifetime.
    await world.clock.skip(Math.max(60 * second, recovery));
    if (row.sees !== "a token" && recovery < usableFor - staleAt - failureDuration) {
      expect(manager.status().state, "the state after the failure has ended, without calls").toBe("fresh");
    }
    const recovered = await outcome(world);
    expect(world.issued).toContain(recovered);
    if (row.sees !== "a token") expect(recovered).not.toBe(token);
    await row.check?.(world);
  });
}

/** Returns the result of a promise that settles without any I/O or timer. */
async function resultWithoutWaiting(promise: Promise<string>): Promise<string> {
  let result = "the call waits";
  promise.then(
    (value) => {
      result = value;
    },
    () => {
      result = "the call rejects";
    },
  );
  for (let turn = 0; turn < 100; turn += 1) await undefined;
  return result;
}
