import { expect, test, vi } from "vitest";
import { UsedIds } from "../../../../src/testing/authorization-server/used-ids.js";

test("an id works once, and is forgotten when its JWT has expired", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const used = new UsedIds();
    expect(used.add("a", 1_060)).toBe(true);
    expect(used.add("a", 1_060)).toBe(false);
    expect(used.add(undefined, 1_060)).toBe(false);
    vi.setSystemTime(1_061_000);
    expect(used.add("b", 1_120)).toBe(true);
    expect(used.size).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});
