/**
 * Milliseconds after which a test that hangs is ended, and for which one waits for what has to come. They end hangs and
 * judge nothing: no test takes half a minute on two free processors, and one on a machine that is ten times slower passes.
 */
export const hangLimit = 300_000;
