import { type Json, type Path, toPointer, valueAt } from "../../config/json.js";
import type { CheckedConfig } from "../../config/load.js";
import type { ServerSpec } from "../../config/spec.js";
import { likelyTrials, noChange } from "../../diagnosis/likely-trials.js";
import { trialInWords } from "../../diagnosis/trial-in-words.js";
import type { McpAuthError, McpAuthErrorCode } from "../../errors/error.js";
import type { Trial } from "../../errors/trial.js";
import type { CommandIo } from "../io.js";
import { alsoAffected, changeOf } from "./try-remedies-place.js";
import { limitTokenRequests, readCleanedSecret, runTrial, type TrialContext } from "./try-remedies-run.js";

/** Token requests in all. Servers lock accounts after some refused ones. */
const mostRequests = 8;

/** The failure of one step of a server. */
export interface FailedStep {
  readonly error: McpAuthError;
  /** Whether the MCP server refused the token. */
  readonly refusedByServer: boolean;
}

/** What was tried for one server. */
export interface Tried {
  readonly tried: readonly TriedChange[];
  readonly works?: WorkingChange;
  /** Why nothing was tried, or nothing more, as a sentence. */
  readonly note?: string;
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
  config: CheckedConfig,
  server: string,
  failure: FailedStep,
  { env, signal, waitFor }: Pick<CommandIo, "env" | "signal" | "waitFor">,
): Promise<Tried> {
  const { document, spec } = config;
  const entry = spec?.servers.get(server);
  if (document === undefined || entry === undefined || "failure" in entry) {
    return { tried: [], note: "Nothing is tried before the config is valid." };
  }
  const trials = likelyTrials(failure.error, entry.spec, failure);
  if ("reason" in trials) return { tried: [], note: trials.reason };
  const requests = limitTokenRequests(mostRequests, entry.spec.url);
  const context: TrialContext = { server, env, signal, requests };
  const tried: TriedChange[] = [];
  for (const trial of trials) {
    if (requests.left() === 0) return { tried, note: `No more than ${mostRequests} requests are sent.` };
    const change = inWords(trial);
    const trying = tryOne(trial, config, entry.spec, { ...context, failure });
    const outcome = await waitFor(`Trying ${change}`, trying);
    if (outcome === undefined) continue;
    const { error, remedy } = outcome;
    if (error === undefined) {
      tried.push({ change, verdict: "works" });
      return { tried, works: await placeOf(trial, config, server, remedy) };
    }
    const { code, oauthError } = error;
    tried.push({ change, verdict: "fails", code, ...(oauthError !== undefined && { oauthError }) });
    const reason = reasonToStop(error, failure.error);
    if (reason !== undefined) return { tried, note: reason };
  }
  return { tried, note: "None of this is the remedy. Do what the finding says." };
}

function inWords(trial: Trial): string {
  return trial.place === "secret"
    ? "the client secret without what does not belong to it"
    : trialInWords(trial);
}

interface Outcome {
  readonly error: McpAuthError | undefined;
  /** What to do if it works, if that is not a line of the config. */
  readonly remedy?: string | undefined;
}

/** Returns `undefined` for a change that the config cannot have. */
async function tryOne(
  trial: Trial,
  { document, spec, withChanges }: CheckedConfig,
  { name }: ServerSpec,
  context: TrialContext & { readonly failure: FailedStep },
): Promise<Outcome | undefined> {
  if (document === undefined || spec === undefined) return undefined;
  const change = changeOf(trial, document.value, name);
  if (change === undefined) return undefined;
  const cleaned =
    trial.place === "secret" ? await readCleanedSecret(spec, context, trial.isAtIdp ?? false) : undefined;
  if (trial.place === "secret" && cleaned === undefined) return undefined;
  const changed = await withChanges?.([
    change,
    { path: ["servers", name, "retry"], value: { attempts: 1 } },
    { path: ["servers", name, "refresh"], value: false },
  ]);
  if (changed === undefined) return undefined;
  const { code } = context.failure.error;
  // What the server says about itself is left aside, so only the server can tell whether that is right.
  const calls = context.failure.refusedByServer || code === "resource_mismatch" || code === "issuer_mismatch";
  const error = await runTrial(changed, context, { calls, secret: cleaned?.text });
  return { error, remedy: cleaned?.remedy };
}

const locked = /\b(?:lock(?:ed|out)?|too many|blocked|suspended|throttl\w*|rate.?limit\w*)\b/i;

/** Returns why nothing more is tried, as a sentence: another refused request could do harm, or would say nothing. */
function reasonToStop(error: McpAuthError, first: McpAuthError): string | undefined {
  if (error.retryAfter !== undefined) return "Stopped, because the authorization server asks to wait.";
  if (error.retryable || ["unavailable", "timeout", "tls_failed"].includes(error.code)) {
    return "Stopped, because a server could not be reached or asks to try again later.";
  }
  const said = Object.values(error.details ?? {}).flat();
  if (said.some((text) => locked.test(text)) && !isEqual(error, first)) {
    return "Stopped, because the authorization server seems to have locked the client.";
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
