import { maxCorrectedSkew, secondsApart, toleratedSkew } from "../net/server-clocks.js";
import type { Finding } from "./finding.js";

/** A clock that was compared with the one of this machine. */
export interface ComparedClock {
  /** The server with that clock, as messages name it. */
  readonly owner: string;
  /** Milliseconds that it is ahead of ours. */
  readonly offset: number;
}

/** A finding about a clock. */
export interface ClockFinding extends Finding {
  /** `corrected`: what is signed is made in the server's time. `large`: so it is, but a clock is clearly wrong. */
  readonly difference: "corrected" | "large" | "too_large";
}

/** In milliseconds. Clocks that nobody sets drift this far within weeks. */
const largeSkew = 60_000;

/** Returns the largest difference between the clocks of servers and ours, if it matters. */
export function checkClocks(clocks: readonly ComparedClock[]): ClockFinding | undefined {
  const [worst] = clocks.toSorted((a, b) => Math.abs(b.offset) - Math.abs(a.offset));
  if (worst === undefined || Math.abs(worst.offset) <= toleratedSkew) return undefined;
  const { owner, offset } = worst;
  const cause = `The clock of ${owner} is ${secondsApart(offset)} the clock of this machine.`;
  const isTooLarge = Math.abs(offset) > maxCorrectedSkew;
  const isLarge = Math.abs(offset) > largeSkew;
  const consequence = isTooLarge
    ? `That is more than the ${maxCorrectedSkew / 1_000} s that can be corrected.`
    : "Assertions and DPoP proofs are made in its time.";
  return {
    ...{
      id: isTooLarge ? "clock_differs" : "clock_skew",
      cause: `${cause} ${consequence}`,
      remedy: whoseClock(worst, clocks),
    },
    difference: isTooLarge ? "too_large" : isLarge ? "large" : "corrected",
  };
}

/** Two clocks that agree show that the third one is wrong. */
function whoseClock(worst: ComparedClock, clocks: readonly ComparedClock[]): string {
  const others = clocks.filter((clock) => clock !== worst);
  const allAgreeWith = (offset: number) =>
    others.length > 0 && others.every((other) => Math.abs(other.offset - offset) <= toleratedSkew);
  if (allAgreeWith(worst.offset))
    return "The servers agree with each other, so correct the clock of this machine: use NTP.";
  if (allAgreeWith(0)) {
    const witnesses = others.map(({ owner }) => owner).join(" and ");
    return `The clock of this machine agrees with that of ${witnesses}, so have the clock of ${worst.owner} corrected (NTP).`;
  }
  return `Compare both with another clock, and correct the wrong one (NTP): that of this machine, or that of ${worst.owner}.`;
}
