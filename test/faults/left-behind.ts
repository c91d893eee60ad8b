import { expect } from "vitest";
import type { OwnWorld } from "./create-world.js";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** Runs something in a world, and asserts that nothing was left behind in the end and that no secret showed. */
export async function withWorld<W extends OwnWorld>(
  world: W,
  run: (world: W) => Promise<void>,
): Promise<void> {
  const before = unhandled.length;
  try {
    await run(world);
    expect(await world.stop(), "left behind after stop()").toEqual([]);
    expect(unhandled.slice(before), "unhandled rejections").toEqual([]);
    expect(world.seen.length).toBeGreaterThan(0);
    for (const secret of world.secrets) {
      const shown = world.seen.find((text) => text.includes(secret));
      expect(shown, "a secret, a token or a body showed").toBeUndefined();
    }
  } finally {
    await world.close();
  }
}
