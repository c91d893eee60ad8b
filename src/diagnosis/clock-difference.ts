import { maxCorrectedSkew, secondsApart, toleratedSkew } from "../net/server-clocks.js";
import type { Finding } from "./finding.js";

/** A clock that was compared with the one of this machine. */
export interface ComparedClock {
  /** The server with that clock, as messages name it. */
  readonly owner: string;
  /** Milliseconds that it is ahead of ours. */
  readonly offset: number;
}

/** A finding about a clock. `isFatal`: the difference is too large to be corrected. */
export interface ClockFinding extends Finding {
  readonly isFatal: boolean;
}

/** Returns the largest difference between the clocks of servers and ours, if it matters. */
export function checkClocks(clocks: readonly ComparedClock[]): ClockFinding | undefined {
  const [worst] = clocks.toSorted((a, b) => Math.abs(b.offset) - Math.abs(a.offset));
  if (worst === undefined || Math.abs(worst.offset) <= toleratedSkew) return undefined;
  const { owner, offset } = worst;
  const cause = `The clock of ${owner} is ${secondsApart(offset)} the clock of this machine.`;
  const isFatal = Math.abs(offset) > maxCorrectedSkew;
  // If all clocks agree with each other, ours is the wrong one.
  const others = clocks.filter((clock) => clock !== worst);
  const agree = others.length > 0 && others.every((other) => Math.abs(other.offset - offset) < toleratedSkew);
  const which = agree
    ? "The servers agree with each other, so correct the clock of this machine: use NTP."
    : "Correct the clock that is wrong: use NTP.";
  const consequence = isFatal
    ? `That is more than the ${maxCorrectedSkew / 1_000} s that can be corrected.`
    : "Assertions and DPoP proofs are made in its time.";
  return {
    ...{ id: isFatal ? "clock_differs" : "clock_skew", cause: `${cause} ${consequence}` },
    ...{ remedy: which, isFatal },
  };
}
