import { expect, test } from "vitest";
import { rarely } from "../../../../src/proxy/status/readiness.js";

/** A look that takes `took` milliseconds, and returns how many there were. */
function open(took: number, servers = 10_000) {
  const clock = { now: 1_000_000 };
  let looks = 0;
  const look = rarely(
    () => {
      looks += 1;
      clock.now += took;
      return looks;
    },
    () => servers,
    () => clock.now,
  );
  return { clock, look };
}

test.each([
  [0, 10_000],
  [100, 500],
])("a look of %s ms at %s servers is always a new one", (took, servers) => {
  const { look } = open(took, servers);
  expect([look(), look(), look()]).toEqual([1, 2, 3]);
});

test("a look of 100 ms at ten thousand servers is repeated after 5 s, however many ask", () => {
  const { clock, look } = open(100);
  for (let asked = 0; asked < 10_000; asked += 1) expect(look()).toBe(1);
  clock.now += 4_899;
  expect(look()).toBe(1);
  clock.now += 1;
  expect(look()).toBe(2);
});

test("a look of minutes is repeated after 30 s, and after the clock was set back", () => {
  const { clock, look } = open(20_000);
  expect(look()).toBe(1);
  clock.now += 10_000;
  expect(look()).toBe(2);
  clock.now -= 3_600_000;
  expect(look()).toBe(3);
});
