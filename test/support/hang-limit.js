/**
 * Milliseconds after which a hanging test is ended, and for which polls wait. The limit only ends hangs: no test takes
 * half a minute on two free processors, so tests also pass on a machine that is ten times slower.
 */
export const hangLimit = 300_000;
