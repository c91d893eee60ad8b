import { errorMark, errorNotes } from "./error-notes.js";
import type { Trial } from "./trial.js";

/**
 * The ids of the findings in the message of an error, kept beside the error. An id names one cause, such as
 * `issuer_trailing_slash`, and does not change, so that a program can count what went wrong and look up what to do.
 */
const notes = errorNotes<readonly string[]>();

/** Notes the ids of the findings in the message of an error, and returns the error. */
export const noteFindings = notes.add;

/** Returns the ids of the findings in the message of an error, in their order. */
export function findingsIn(error: unknown): readonly string[] {
  return notes.of(error) ?? [];
}

const trials = errorNotes<readonly Trial[]>();

/** Notes what may be tried after an error, also what does not fit into its message, and returns the error. */
export const noteTrials = trials.add;

/** Returns what may be tried after an error, the likeliest first. */
export function trialsIn(error: unknown): readonly Trial[] {
  return trials.of(error) ?? [];
}

const open = errorMark();

/** Marks a rejection that says nothing, so that anything in the request may be wrong, and returns the error. */
export const markOpenRejection = open.mark;

/** Returns whether an error is marked as a rejection that says nothing. */
export const isOpenRejection = open.has;

const remains = errorNotes<readonly string[]>();

/** Notes what remains to be done once everything that may be tried has failed, and returns the error. */
export const noteRemains = remains.add;

/** Returns what remains to be done once everything that may be tried has failed: whole sentences, the likeliest first. */
export function remainsOf(error: unknown): readonly string[] {
  return remains.of(error) ?? [];
}
