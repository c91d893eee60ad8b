import { expect } from "vitest";
import type { RowWorld } from "./create-world.js";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** Runs a row in a world, and checks that nothing is left behind and that no secret has appeared. */
export async function runInWorld<W extends RowWorld>(
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
      const leak = world.seen.find((text) => text.includes(secret));
      expect(leak, "a secret, a token or a body has appeared").toBeUndefined();
    }
  } finally {
    await world.close();
  }
}
