import { type Finding, findingText } from "../../diagnosis/finding.js";
import { type ErrorDetails, errorDetails } from "../../errors/details.js";
import type { McpAuthError, McpAuthErrorCode } from "../../errors/error.js";
import { findingsIn } from "../../errors/findings.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import type { Verdict } from "../print.js";

/** What a step has found. */
export interface Outcome {
  readonly verdict: Verdict;
  /** In a few words, or a sentence. Has nothing that a server chose. */
  readonly message: string;
  /** The part of the message that says what is unusual, without what to do. */
  readonly cause?: string | undefined;
  /** What to do, in sentences. Always present if the step failed. */
  readonly todo?: string | undefined;
  /** The id of the finding; see `findingsIn`. */
  readonly finding?: string | undefined;
  readonly code?: McpAuthErrorCode | undefined;
  /** The ids of all that may be the cause, the most likely first. Absent if no error says so. */
  readonly candidates?: readonly string[] | undefined;
  /** What servers said, for a person to read. */
  readonly details?: ErrorDetails | undefined;
  /** Who said that, if it is not the server that the step asks: `the identity provider`. */
  readonly speaker?: string | undefined;
  /** Lines of our own that belong to the message, such as the other violations of a config. */
  readonly more?: readonly string[] | undefined;
  /** The error of a step that failed with one. */
  readonly error?: McpAuthError | undefined;
}

export function pass(message: string, details?: Readonly<Record<string, unknown>>): Outcome {
  return { verdict: "pass", message, details: details && errorDetails(details) };
}

/** The step cannot run. The reason follows "skip" in a few words. */
export function skip(reason: string): Outcome {
  return { verdict: "skip", message: reason };
}

/** Something is unusual and may be the cause of a later failure. */
export function warn(finding: Finding, details?: Readonly<Record<string, unknown>>): Outcome {
  const { id, cause } = finding;
  const message = findingText(finding);
  return { verdict: "warn", message, cause, finding: id, details: details && errorDetails(details) };
}

/** Turns a finding into a failure. */
export function failWith(
  { id, cause, remedy }: Finding,
  code: McpAuthErrorCode,
  details?: Readonly<Record<string, unknown>>,
): Outcome {
  const message = cause ?? remedy;
  return {
    ...{ verdict: "fail", message: withoutPeriod(message), todo: remedy, finding: id, code },
    details: details && errorDetails(details),
  };
}

/** Turns an error into a failure: its first sentence says what failed, and the others say why and what to do. */
export function fail(error: McpAuthError): Outcome {
  const { what, rest } = firstSentence(messageWithoutServer(error));
  const candidates = findingsIn(error);
  const [finding] = candidates;
  const { code, details } = error;
  const todo = rest ?? `${what}.`;
  return { verdict: "fail", message: what, todo, finding, candidates, code, details, error };
}

/** Splits a message after its first sentence. A period inside of a URL or a name has no space behind it. */
function firstSentence(text: string): { readonly what: string; readonly rest: string | undefined } {
  const [, what, rest] = /^(.*?[^.\s])\.\s+(\S.*)$/s.exec(text) ?? [];
  return what === undefined ? { what: withoutPeriod(text), rest: undefined } : { what, rest };
}

function withoutPeriod(text: string): string {
  return text.replace(/\.$/, "");
}
