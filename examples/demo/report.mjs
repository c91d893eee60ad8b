// The texts of the demo. display.mjs writes them.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

/**
 * The outcomes of the calls of both agents, one entry per server.
 *
 * @typedef {Pick<import("./calls.mjs").Calls, "server" | "made" | "failures" | "longest">} Outcome
 * @typedef {{ code: readonly Outcome[], host: readonly Outcome[] }} Outcomes `code`: the calls through `manager.fetch`
 */

/**
 * Whether the demo passed. On a busy machine a token may expire before it arrives. Then a call waits or is sent again,
 * but does not fail.
 *
 * @param {Outcomes} outcome
 */
export function passed(outcome) {
  return failuresOf(outcome).length === 0;
}

/** Returns the number of tokens that were not renewed ahead of time, so that a call waited for them. */
function countAwaited(renewals) {
  return renewals.filter(({ reason }) => reason === "demand").length;
}

/** Shows what the config declares, with the values of its variables. */
export async function showConfig(screen, { file, env, auth }) {
  // The example config is plain JSON, so it can be parsed directly.
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

/** Shows a new token, its reason and its duration. */
export function showRenewal(screen, { server, reason, durationMs, expiresAt }, elapsed) {
  const life = ((expiresAt - Date.now()) / 1000).toFixed(1);
  const what = `new token by ${screen.good(reason)} in ${Math.round(durationMs)} ms, valid for ${life} s`;
  screen.line(`  ${seconds(elapsed)}  ${label(screen, server)} ${what}`);
}

/** Shows the tools of a server, and the answer to the first call. */
export function showTools(screen, { server, tools, answer }, request) {
  screen.line(`  ${label(screen, server)} ${tools.map(({ name }) => name).join(", ")}`);
  screen.line(screen.faint(`           ${request.name} ${JSON.stringify(request.arguments)} → ${answer}`));
}

/** Returns the live line, which fits into 80 columns. */
export function tally(outcome, elapsed) {
  const made = (calls) => total(calls.map((each) => each.made));
  const wait = longestOf(outcome).toFixed(0);
  const failures = failuresOf(outcome).length;
  return `  ${seconds(elapsed)}  calls: host ${made(outcome.host)}, code ${made(outcome.code)}; failures: ${failures}, longest wait: ${wait} ms`;
}

/**
 * @param {object} run
 * @param {Outcomes} run.outcome
 * @param {readonly { reason: string }[]} run.renewals the tokens of the code
 * @param {{ issued: Record<string, number>, unauthorized: number }} run.atServers the counts of the servers
 * @param {number} run.stall the longest delay of a timer in milliseconds
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
    "awaited tokens",
    mark(countAwaited(renewals) === outcome.code.length, String(countAwaited(renewals))),
    "the first token of each server; the other tokens of the code were renewed ahead of time",
  );
  row(
    "longest wait",
    `${longest.toFixed(1)} ms`,
    `of all calls except the first to each server; timers were up to ${stall.toFixed(0)} ms late`,
  );
  for (const [failure, times] of Object.entries(count(failures)))
    screen.line(screen.bad(`  ${times} × ${failure}`));
}

function all({ code, host }) {
  return [...code, ...host];
}

function madeBy({ code, host }) {
  const made = (calls) => list(Object.fromEntries(calls.map(({ server, made }) => [server, made])));
  return `host ${made(host)}; code ${made(code)}`;
}

function failuresOf({ code, host }) {
  const of = (agent, calls) =>
    calls.flatMap(({ server, failures }) => failures.map((message) => `${server}, ${agent}: ${message}`));
  return [...of("code", code), ...of("host", host)];
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
