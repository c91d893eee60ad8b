// The number of cases and the size of texts. `npm run fuzz` sets the variables. The defaults are for `npm test`.
const { FUZZ_RUNS, FUZZ_SEED, FUZZ_PATH } = process.env;

/** Cases for a property whose cases cost as much as usual. */
export const runs = Number(FUZZ_RUNS ?? 100);
/** The same for each `npm test`. `npm run fuzz` uses another seed each time, to find new failures. */
export const seed = Number(FUZZ_SEED ?? 20_261_123);
/** Selects one case of a property, to repeat it. */
export const path = FUZZ_PATH;
/** The length of the longest texts, in characters. `npm run fuzz` uses the greatest length that is ever read. */
export const longest = FUZZ_RUNS === undefined ? 30_000 : 1_000_000;
