// What the demo says; display.mjs is how.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

/**
 * How the calls of both agents went: one entry a server.
 *
 * @typedef {Pick<import("./calls.mjs").Calls, "server" | "made" | "failures" | "longest">} Outcome
 * @typedef {{ own: readonly Outcome[], host: readonly Outcome[] }} Outcomes `own`: through `manager.fetch`
 */

/**
 * Whether all went as it should. Where a machine is so busy that a token expires on the way, a call is refused, or waits: it
 * does not fail.
 *
 * @param {Outcomes} outcome
 */
export function passed(outcome) {
  return failuresOf(outcome).length === 0;
}

/** How many tokens a call had to wait for: those that were not renewed ahead of time. */
function waitedFor(renewals) {
  return renewals.filter(({ reason }) => reason === "demand").length;
}

/** What the config declares, with its variables filled in. */
export async function showConfig(screen, { file, env, auth }) {
  // The example is plain JSON, which configs need not be.
  const { servers, clients } = JSON.parse(await readFile(file, "utf8"));
  screen.heading(`Loaded ${basename(file)}`);
  screen.line(`  issuer   ${env.ISSUER}`);
  for (const name of auth.servers) {
    const { grant, refresh } = servers[name];
    const client = typeof grant.client === "string" ? clients[grant.client] : grant.client;
    const credential = client.secret
      ? `the secret in ${client.secret.env}`
      : `the private key in ${basename(env.AGENT_KEY_FILE)}`;
    const schedule = refresh?.schedule ? `, renewed on schedule ${refresh.schedule}` : "";
    screen.line(`  ${label(screen, name)} ${auth.resolve(name).url}`);
    screen.line(
      screen.faint(`           as ${client.id} with ${credential}, for ${grant.scopes.join(" ")}${schedule}`),
    );
  }
}

/** A new token, why, and how long it took. */
export function showRenewal(screen, { server, reason, durationMs, expiresAt }, elapsed) {
  const life = ((expiresAt - Date.now()) / 1000).toFixed(1);
  const what = `new token by ${screen.good(reason)} in ${Math.round(durationMs)} ms, good for ${life} s`;
  screen.line(`  ${seconds(elapsed)}  ${label(screen, server)} ${what}`);
}

/** What a server offers, and the answer to a first call. */
export function showTools(screen, { server, tools, answer }, request) {
  screen.line(`  ${label(screen, server)} ${tools.map(({ name }) => name).join(", ")}`);
  screen.line(screen.faint(`           ${request.name} ${JSON.stringify(request.arguments)} → ${answer}`));
}

/** The live line, short enough for a terminal of 80 columns. */
export function tally(outcome, elapsed) {
  const made = (calls) => total(calls.map((each) => each.made));
  const wait = longestOf(outcome).toFixed(0);
  const failures = failuresOf(outcome).length;
  return `  ${seconds(elapsed)}  calls: host ${made(outcome.host)}, code ${made(outcome.own)}; failures: ${failures}, longest wait: ${wait} ms`;
}

/**
 * @param {object} run
 * @param {Outcomes} run.outcome
 * @param {readonly { reason: string }[]} run.renewals those of the code
 * @param {{ issued: Record<string, number>, unauthorized: number }} run.atServers as counted there
 * @param {number} run.stall by how many milliseconds a timer of ours was late at most
 */
export function showSummary(screen, { outcome, renewals, atServers, stall }) {
  const failures = failuresOf(outcome);
  const longest = longestOf(outcome);
  const mark = (good, text) => (good ? screen.good(text) : screen.bad(text));
  const row = (what, value, note) =>
    screen.line(`  ${what.padEnd(18)}${value}${note ? `  ${screen.faint(note)}` : ""}`);

  screen.heading("Summary");
  row("calls", String(total(all(outcome).map(({ made }) => made))), madeBy(outcome));
  row("failures", mark(failures.length === 0, String(failures.length)));
  row(
    "refused (401)",
    mark(atServers.unauthorized === 0, String(atServers.unauthorized)),
    "as counted at the MCP servers",
  );
  const issued = total(Object.values(atServers.issued));
  row("tokens issued", String(issued), `as counted at the authorization server: ${list(atServers.issued)}`);
  row("  to the host", String(issued - renewals.length));
  row(
    "  to the code",
    String(renewals.length),
    `by reason: ${list(count(renewals.map(({ reason }) => reason)))}`,
  );
  row(
    "waited for",
    mark(waitedFor(renewals) === outcome.own.length, String(waitedFor(renewals))),
    "tokens of the code, the first of each server; all others were renewed ahead of time",
  );
  row(
    "longest wait",
    `${longest.toFixed(1)} ms`,
    `of a call after the first to each server; timers on this machine were up to ${stall.toFixed(0)} ms late`,
  );
  for (const [failure, times] of Object.entries(count(failures)))
    screen.line(screen.bad(`  ${times} × ${failure}`));
}

function all({ own, host }) {
  return [...own, ...host];
}

function madeBy({ own, host }) {
  const made = (calls) => list(Object.fromEntries(calls.map(({ server, made }) => [server, made])));
  return `host ${made(host)}; code ${made(own)}`;
}

function failuresOf({ own, host }) {
  const of = (agent, calls) =>
    calls.flatMap(({ server, failures }) => failures.map((message) => `${server}, ${agent}: ${message}`));
  return [...of("code", own), ...of("host", host)];
}

function longestOf(outcome) {
  return Math.max(...all(outcome).map(({ longest }) => longest));
}

function total(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function count(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function list(counts) {
  return Object.entries(counts)
    .map(([name, number]) => `${name} ${number}`)
    .join(", ");
}

function label(screen, server) {
  return screen.server(server.padEnd(8));
}

function seconds(elapsed) {
  return `${(elapsed / 1000).toFixed(1).padStart(4)} s`;
}
