// How much is tried. The one place that reads what `npm run fuzz` sets; without it, it is what `npm test` has time for.
const { FUZZ_RUNS, FUZZ_SEED, FUZZ_PATH } = process.env;

/** Cases for each property. */
export const runs = Number(FUZZ_RUNS ?? 500);
/** The same in each `npm test`: `npm run fuzz` looks for what is new, and takes another each time. */
export const seed = Number(FUZZ_SEED ?? 20_261_123);
/** Leads to one case of a property, when it is to be repeated. */
export const path = FUZZ_PATH;
/** Characters of the longest texts: as much as is ever read of an answer, a file or a config, or a part of that. */
export const longest = FUZZ_RUNS === undefined ? 200_000 : 1_000_000;
