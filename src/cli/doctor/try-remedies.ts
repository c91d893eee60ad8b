import { type Json, type Path, toPointer, valueAt } from "../../config/json.js";
import type { CheckedConfig } from "../../config/load.js";
import { todoAfterTrials } from "../../diagnosis/after-trials.js";
import { likelyTrials, noChange } from "../../diagnosis/likely-trials.js";
import { trialInWords } from "../../diagnosis/trial-in-words.js";
import type { McpAuthError, McpAuthErrorCode } from "../../errors/error.js";
import type { Trial } from "../../errors/trial.js";
import type { InspectedServer, Inspection } from "../../runtime/inspection.js";
import type { CommandIo } from "../io.js";
import { alsoAffected, changeOf } from "./place-of-trial.js";
import { RequestLimit, readCleanedSecret, runTrial, type TrialOptions } from "./run-trial.js";

/** Token requests in all. Servers lock accounts after some refused ones. */
const mostRequests = 8;

/** The failure of one step of a server. */
export interface FailedStep {
  readonly error: McpAuthError;
  /** Whether the MCP server refused the token. */
  readonly refusedByServer: boolean;
}

/** A config, and its servers, for a look at them. */
export interface InspectedConfig {
  readonly config: CheckedConfig;
  readonly inspection: Inspection;
}

/** What was tried for one server. */
export interface Tried {
  readonly tried: readonly TriedChange[];
  readonly works?: WorkingChange;
  /** What came out if nothing works: why nothing was tried, or nothing more, in sentences. */
  readonly note?: string;
  /** What to do now that changes have failed, in place of what the failure says. */
  readonly todo?: string;
}

export interface TriedChange {
  /** The change as it follows "try". */
  readonly change: string;
  readonly verdict: "works" | "fails";
  readonly code?: McpAuthErrorCode;
  readonly oauthError?: string;
}

/** What to write, and where. */
export interface WorkingChange {
  /** The place of the property in the file. */
  readonly pointer: string;
  /** Absent if the property is to be removed, or if it is not the config that has to change. */
  readonly value?: Json;
  readonly file?: string;
  /** The line of the property, or else of what it belongs to. */
  readonly line?: number;
  /** What is not a line of the config: to remove something, or to correct the secret where it is. */
  readonly remedy?: string;
  /** Whether the config has the property already. */
  readonly replaces: boolean;
  /** Other servers that the change affects. */
  readonly alsoAffects?: readonly string[];
}

/** For a failure that no request of ours has caused, such as a wrong clock. */
export const nothingToTry: Tried = { tried: [], note: noChange.reason };

/**
 * Tries what may be the remedy of a failure, the likeliest first, until something works. Sends at most eight token
 * requests, one after the other, to the token endpoint that the config has now, and a token only to the server of the
 * config. Stops when a server asks to wait, cannot be reached, or locks the account. Changes no file.
 *
 * Rejects with `aborted`.
 */
export async function tryRemedies(
  { config, inspection }: InspectedConfig,
  name: string,
  failure: FailedStep,
  { signal, waitFor }: Pick<CommandIo, "signal" | "waitFor">,
): Promise<Tried> {
  const server = inspection.server(name);
  if ("failure" in server) return { tried: [], note: "Nothing is tried before the config is valid." };
  const trials = likelyTrials(failure.error, server.spec, failure);
  if ("reason" in trials) return { tried: [], note: trials.reason };
  const tried: TriedChange[] = [];
  const todo = todoAfterTrials(failure.error, server.spec, failure);
  const limit = new RequestLimit(mostRequests, server.spec.url);
  for (const [index, trial] of trials.entries()) {
    const untested = notTested(trials.slice(index));
    if (limit.isReached) {
      return {
        tried,
        note: `None of these changes works alone; ${mostRequests} requests are enough. ${untested}`,
        todo,
      };
    }
    const change = inWords(trial);
    const trying = tryOne(trial, { config, inspection }, server, { limit, signal, failure });
    const result = await waitFor(`Trying ${change}`, trying);
    if (result === undefined) continue;
    const { error, remedy } = result;
    if (error === undefined) {
      tried.push({ change, verdict: "works" });
      return { tried, works: await placeOf(trial, config, name, remedy) };
    }
    const { code, oauthError } = error;
    tried.push({ change, verdict: "fails", code, ...(oauthError !== undefined && { oauthError }) });
    const reason = reasonToStop(error, failure.error);
    if (reason !== undefined) {
      const note = [reason, notTested(trials.slice(index + 1))].filter(Boolean).join(" ");
      // A server that could not answer now has refuted nothing.
      return { tried, note, ...(reason === lockedNote && { todo }) };
    }
  }
  if (tried.length === 0) return nothingToTry;
  const verdict = tried.length === 1 ? "This change does not work." : "None of these changes works alone.";
  return { tried, note: verdict, todo };
}

/** Returns whether there is anything to try. */
export function hasTrials(
  { config, inspection }: InspectedConfig,
  name: string,
  failure: FailedStep,
): boolean {
  const server = inspection.server(name);
  if ("failure" in server) return false;
  const trials = likelyTrials(failure.error, server.spec, failure);
  const document = config.document?.value ?? null;
  return !("reason" in trials) && trials.some((trial) => changeOf(trial, document, name) !== undefined);
}

function notTested(trials: readonly Trial[]): string {
  return trials.length === 0 ? "" : `Not tested: ${trials.map(inWords).join(", ")}.`;
}

function inWords(trial: Trial): string {
  return trial.place === "secret"
    ? "the client secret without what does not belong to it"
    : trialInWords(trial);
}

interface TrialResult {
  readonly error: McpAuthError | undefined;
  /** What to do if it works, if that is not a line of the config. */
  readonly remedy?: string | undefined;
}

/** Returns `undefined` for a change that the config cannot have. */
async function tryOne(
  trial: Trial,
  { config, inspection }: InspectedConfig,
  server: InspectedServer,
  { limit, signal, failure }: { readonly failure: FailedStep } & Pick<TrialOptions, "limit" | "signal">,
): Promise<TrialResult | undefined> {
  const { name } = server.spec;
  const change = changeOf(trial, config.document?.value ?? null, name);
  if (change === undefined) return undefined;
  const isSecret = trial.place === "secret";
  const cleaned = isSecret ? await readCleanedSecret(server, signal, trial.isAtIdp ?? false) : undefined;
  if (isSecret && cleaned === undefined) return undefined;
  const changed = await config.withChanges?.([
    change,
    { path: ["servers", name, "retry"], value: { attempts: 1 } },
    { path: ["servers", name, "refresh"], value: false },
  ]);
  const entry = changed?.servers.get(name);
  if (entry === undefined || "failure" in entry) return undefined;
  const { code } = failure.error;
  // What the server says about itself is left aside, so only the server can tell whether that is right.
  const calls = failure.refusedByServer || code === "resource_mismatch" || code === "issuer_mismatch";
  const error = await runTrial(entry.spec, inspection, { limit, signal, calls, secret: cleaned?.text });
  return { error, remedy: cleaned?.remedy };
}

const lockedNote = "Stopped, because the authorization server seems to have locked the client.";
const locked = /\b(?:lock(?:ed|out)?|too many|blocked|suspended|throttl\w*|rate.?limit\w*)\b/i;

/** Returns why nothing more is tried, as a sentence: another refused request could do harm, or would say nothing. */
function reasonToStop(error: McpAuthError, first: McpAuthError): string | undefined {
  if (error.retryAfter !== undefined) return "Stopped, because the authorization server asks to wait.";
  if (error.retryable || ["unavailable", "timeout", "tls_failed"].includes(error.code)) {
    return "Stopped, because a server could not be reached or asks to try again later.";
  }
  const said = Object.values(error.details ?? {}).flat();
  const isLocked = said.some((text) => locked.test(text)) && !isEqual(error, first);
  if (isLocked || (error.oauthError === "access_denied" && first.oauthError !== "access_denied")) {
    return lockedNote;
  }
  return undefined;
}

function isEqual(a: McpAuthError, b: McpAuthError): boolean {
  return a.details?.["error_description"] === b.details?.["error_description"];
}

async function placeOf(
  trial: Trial,
  { document }: CheckedConfig,
  server: string,
  remedy: string | undefined,
): Promise<WorkingChange> {
  const config = document?.value ?? null;
  const { path, value } = changeOf(trial, config, server) ?? { path: [] as Path, value: undefined };
  const [located] = (await document?.locate([{ path, message: "" }])) ?? [];
  const { file, line, pointer = toPointer(path) } = located?.violation ?? {};
  const others = alsoAffected(trial, config, server);
  const isInConfig = trial.place !== "secret" && value !== undefined;
  return {
    pointer,
    ...(isInConfig && { value }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(remedy !== undefined && { remedy }),
    replaces: valueAt(config, path) !== undefined,
    ...(others.length > 0 && { alsoAffects: others }),
  };
}
