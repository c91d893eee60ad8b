import type { AuthorizationFault } from "./fault.js";
import { type Gate, startGate, type Treatment } from "./gate.js";
import type { AuthorizationWorld } from "./world.js";

export const gates = new WeakMap<AuthorizationWorld, Gate>();

export function gateOf(world: AuthorizationWorld): Gate {
  const gate = gates.get(world);
  if (gate === undefined) throw new Error("This row has no gate.");
  return gate;
}

type Row = Pick<AuthorizationFault, "name" | "sees" | "requests">;

/** A failure of the connection to the token endpoint. */
export function connectionFault(row: Row, treatment: Treatment): AuthorizationFault {
  return {
    ...row,
    async before(world) {
      gates.set(world, await startGate(world));
    },
    start: (world) => gateOf(world).treat(treatment),
    end: (world) => gateOf(world).treat(undefined),
  };
}

/** All attempts are used. */
export const unreachable = { sees: "unavailable", requests: 4 } as const;
/** Three attempts of ten seconds (`timeout`) use up the thirty seconds of `deadline`. */
export const stalled = { sees: "timeout", requests: 3 } as const;
