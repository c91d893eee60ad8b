/** Pseudorandom numbers from a seed (mulberry32), so that a run can be repeated, as far as timing allows. */
export function createDice(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    oneOf: (values) => values[Math.floor(next() * values.length)],
    chance: (share) => next() < share,
  };
}
