import { type ClockSkew, mostCorrectedSkew } from "./server-clocks.js";

/** What is said of a clock that differs from ours. `whose` is a server as the config names it. */
export function clockSkewMessage(server: string, whose: string, { offset, isCorrected }: ClockSkew): string {
  const consequence = isCorrected
    ? "Assertions and DPoP proofs for it are made in its time."
    : `That is more than the ${mostCorrectedSkew / 1_000} s which are made up for, so it may refuse assertions and DPoP proofs.`;
  return (
    `Server "${server}": the clock of ${whose} is ${secondsApart(offset)} the clock of this machine. ${consequence} ` +
    "Correct the one that is wrong."
  );
}

/** "90 s ahead of", for milliseconds. Rounded up: what is known is the smallest difference that there can be. */
export function secondsApart(offset: number): string {
  return `${Math.ceil(Math.abs(offset) / 1_000)} s ${offset > 0 ? "ahead of" : "behind"}`;
}
