import type { McpAuthErrorCode } from "../../errors/error.js";
import type { McpAuth } from "../../index.js";
import type { Clock } from "../../lib/clock.js";
import type { CommandOptions } from "../../proxy/options.js";
import type { Printer } from "../print.js";

/** What a server lacks: a token, or an answer to calls. */
interface Failure {
  readonly message: string;
  readonly at: number;
  /** Whether its end is worth a line. */
  readonly isOutage: boolean;
  readonly isOver: boolean;
}

/** Milliseconds between two lines about the same failure, so that one that comes and goes does not fill the log. */
const pauseBetweenFailures = 60_000;

/** Mistakes of one request, which say nothing about the server. */
const mistakes: ReadonlySet<McpAuthErrorCode | undefined> = new Set(["egress_denied", "unknown_server"]);

const unknownName =
  "Its URL names no server of the config. Print the settings of the host again: " +
  "npx mcp-auth-runtime proxy --print HOST";

/**
 * Prints each failure of a server once, and one line when it is over: the server has a token after it lacked one, or it
 * answers after calls failed. Returns a function for the outcomes of requests.
 */
export function reportFailures(
  auth: Pick<McpAuth, "on" | "has">,
  print: Pick<Printer, "note">,
  onRefusal: NonNullable<CommandOptions["onRefusal"]>,
  { now }: Pick<Clock, "now">,
): NonNullable<CommandOptions["onOutcome"]> {
  const lacks = { token: new Map<string, Failure>(), answer: new Map<string, Failure>() };
  const fail = (what: keyof typeof lacks, server: string, message: string, isOutage = true): void => {
    const last = lacks[what].get(server);
    const isKnown = last?.message === message && (!last.isOver || now() - last.at < pauseBetweenFailures);
    if (isKnown) return;
    lacks[what].set(server, { message, at: now(), isOutage, isOver: false });
    print.note(`warning: ${message}`);
  };
  const recover = (what: keyof typeof lacks, server: string, how: string): void => {
    const last = lacks[what].get(server);
    if (last === undefined || last.isOver) return;
    lacks[what].set(server, { ...last, isOver: true });
    if (last.isOutage) print.note(`Server "${server}" ${how} again.`);
  };
  auth.on("token:failed", ({ server, message }) => {
    if (message !== undefined) fail("token", server, message);
  });
  auth.on("token:warning", ({ server, code, message }) => {
    // Another listener prints the other codes.
    if (code === "unauthorized" && message !== undefined) fail("answer", server, message);
  });
  auth.on("token:renewed", ({ server }) => recover("token", server, "has a token"));
  return (server, failure) => {
    // With a token that is still valid, calls succeed while its renewal fails.
    if (failure === undefined) return recover("answer", server, "answers");
    // A caller can make up any number of names, which are not shown.
    if (!auth.has(server)) return onRefusal({ message: unknownName });
    const { message, code } = failure;
    const request = lacks.token.get(server);
    if (request?.message !== message || request.isOver) fail("answer", server, message, !mistakes.has(code));
  };
}

/** Milliseconds. A program that calls in a loop must not fill the log. */
const pauseBetweenRefusals = 60_000;

/**
 * Returns a function that prints why the proxy itself has refused a request: each reason at most once a minute, with the
 * number of requests in between.
 */
export function reportRefusals(
  print: Pick<Printer, "note">,
  { now }: Pick<Clock, "now">,
): NonNullable<CommandOptions["onRefusal"]> {
  const reported = new Map<string, { readonly at: number; since: number }>();
  return ({ status, message }) => {
    const last = reported.get(message);
    if (last !== undefined && now() - last.at < pauseBetweenRefusals) {
      last.since += 1;
      return;
    }
    reported.set(message, { at: now(), since: 0 });
    const more =
      last === undefined || last.since === 0 ? "" : ` ${last.since} more since the last such line.`;
    const how = status === undefined ? "" : ` with status ${status}`;
    print.note(`warning: refused a request${how}. ${message}${more}`);
  };
}
