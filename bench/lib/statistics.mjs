/** Returns the median. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Returns the median and the spread of the rounds of one subject. */
export function summarize(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), rounds: values };
}

/** Returns the ratio of the medians, with the lowest and highest ratio of a single round. */
export function ratio(subject, base) {
  const perRound = subject.rounds.map((value, round) => value / base.rounds[round]);
  return { value: subject.median / base.median, min: Math.min(...perRound), max: Math.max(...perRound) };
}

/**
 * Runs each subject once per round. The order rotates by one in each round, so that drift of the machine and effects of
 * one subject on the next are spread over all of them.
 *
 * @param {readonly string[]} names
 * @param {number} rounds
 * @param {(name: string, round: number) => Promise<number>} measure
 * @returns {Promise<Record<string, ReturnType<typeof summarize>>>}
 */
export async function interleave(names, rounds, measure) {
  const values = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      values[name].push(await measure(name, round));
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarize(values[name])]));
}
