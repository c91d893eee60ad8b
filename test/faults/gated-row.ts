import type { AuthorizationFault } from "./fault.js";
import { type Gate, gateBefore, type Treatment } from "./gate.js";
import type { AuthorizationWorld } from "./world.js";

export const gates = new WeakMap<AuthorizationWorld, Gate>();

export function gateOf(world: AuthorizationWorld): Gate {
  const gate = gates.get(world);
  if (gate === undefined) throw new Error("This row has no gate.");
  return gate;
}

type Row = Pick<AuthorizationFault, "name" | "sees" | "requests">;

/** A fault of the connection to the token endpoint. */
export function onTheWay(row: Row, treatment: Treatment): AuthorizationFault {
  return {
    ...row,
    async before(world) {
      gates.set(world, await gateBefore(world));
    },
    start: (world) => gateOf(world).treat(treatment),
    end: (world) => gateOf(world).treat(undefined),
  };
}

/** Tried as often as attempts are allowed. */
export const unreachable = { sees: "unavailable", requests: 4 } as const;
/** Three times the ten seconds of `timeout`, and then the thirty of `deadline` are over. */
export const stalled = { sees: "timeout", requests: 3 } as const;
