import type { McpAuthErrorCode } from "../../errors/error.js";
import type { McpAuth } from "../../index.js";
import type { Clock } from "../../lib/clock.js";
import type { CommandOptions } from "../../proxy/options.js";
import type { Printer } from "../print.js";

/** Why a server fails. */
interface Failure {
  readonly message: string;
  /** What it must have again before it works. */
  readonly lacks: "token" | "answer";
  /** Whether the end of the failure is worth a line. */
  readonly isOutage: boolean;
}

/** Mistakes of one request, which say nothing about the server. */
const mistakes: ReadonlySet<McpAuthErrorCode | undefined> = new Set(["egress_denied", "unknown_server"]);

const unknownName =
  "Its URL names no server of the config. Print the settings of the host again: " +
  "npx mcp-auth-runtime proxy --print HOST";

/**
 * Prints each failure of a server once, and one line when the server works again: it has a token after it lacked one, or
 * it answers. Returns a function for the outcomes of requests.
 */
export function reportFailures(
  auth: Pick<McpAuth, "on" | "has">,
  print: Pick<Printer, "note">,
  onRefusal: NonNullable<CommandOptions["onRefusal"]>,
): NonNullable<CommandOptions["onOutcome"]> {
  const failed = new Map<string, Failure>();
  const fail = (server: string, failure: Failure): void => {
    if (failed.get(server)?.message === failure.message) return;
    failed.set(server, failure);
    print.note(`warning: ${failure.message}`);
  };
  const recover = (server: string, how: string): void => {
    const { isOutage = false } = failed.get(server) ?? {};
    failed.delete(server);
    if (isOutage) print.note(`Server "${server}" ${how} again.`);
  };
  auth.on("token:failed", ({ server, message }) => {
    if (message !== undefined) fail(server, { message, lacks: "token", isOutage: true });
  });
  auth.on("token:warning", ({ server, code, message }) => {
    // Another listener prints the other codes.
    if (code !== "unauthorized" || message === undefined) return;
    fail(server, { message, lacks: "answer", isOutage: true });
  });
  auth.on("token:renewed", ({ server }) => {
    // A new token does not bring back a server that does not answer, or that refuses each token.
    if (failed.get(server)?.lacks === "token") recover(server, "has a token");
  });
  return (server, failure) => {
    if (failure === undefined) return recover(server, "answers");
    // A caller can make up any number of names, which are not shown.
    if (!auth.has(server)) return onRefusal({ message: unknownName });
    const { message, code } = failure;
    fail(server, { message, lacks: "answer", isOutage: !mistakes.has(code) });
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
