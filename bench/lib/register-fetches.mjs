// Measures a fetch without and with the registration, with 1 and with 100 requests in flight, alternating in one
// process, in microseconds. Prints JSON.
import diagnosticsChannel from "node:diagnostics_channel";
import { syncBuiltinESMExports } from "node:module";
import { assertNode } from "./node.mjs";
import { callAuthorized, urlsAt } from "./register-calls.mjs";
import { median, summarize } from "./statistics.mjs";

assertNode();
const [rounds, origin, authorizedUrl] = process.argv.slice(2);
const urls = urlsAt(origin);
const bare = globalThis.fetch;
let isOn = true;

// The subscribers stay subscribed and do nothing in the turns without the registration. Subscribing again would make V8
// compile undici again.
const { subscribe } = diagnosticsChannel;
diagnosticsChannel.subscribe = (name, listener) => {
  subscribe(name, (...args) => {
    if (isOn) listener(...args);
  });
};
syncBuiltinESMExports();
await import(new URL("../../dist/register.js", import.meta.url).href);
const registered = globalThis.fetch;
if (registered === bare) throw new Error("The import did not replace `fetch`.");
if (authorizedUrl !== "") await callAuthorized(authorizedUrl);

// `bareAgain` is the same as `bare`. It shows how far apart two equal subjects are.
const subjects = { bare, bareAgain: bare, registered };
const names = Object.keys(subjects);
const shapes = { 1: { requests: 1, turns: 1500, warmUps: 8 }, 100: { requests: 100, turns: 60, warmUps: 2 } };
const microseconds = {};
for (const [inFlight, { warmUps }] of Object.entries(shapes)) {
  // Warms up, so that all code is compiled as in a program that has run for a while.
  for (let warmUp = 0; warmUp < warmUps; warmUp += 1) await runRound(inFlight);
  const values = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < Number(rounds); round += 1) {
    const medians = await runRound(inFlight);
    for (const name of names) values[name].push(medians[name]);
  }
  microseconds[inFlight] = Object.fromEntries(names.map((name) => [name, summarize(values[name])]));
}
process.stdout.write(JSON.stringify(microseconds));
// Without this, an open connection would keep the process alive for a while.
process.exit();

/** Returns the median of each subject. The order changes in each turn, because a subject can affect the next one. */
async function runRound(inFlight) {
  const { requests, turns } = shapes[inFlight];
  const values = Object.fromEntries(names.map((name) => [name, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const name of shuffled(names)) {
      isOn = name === "registered";
      values[name].push(await measure(subjects[name], requests, Number(inFlight)));
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(values[name])]));
}

function shuffled(list) {
  const keyed = list.map((each) => [Math.random(), each]);
  return keyed.sort(([a], [b]) => a - b).map(([, each]) => each);
}

async function measure(fetch, requests, inFlight) {
  const start = process.hrtime.bigint();
  if (inFlight === 1) await send(fetch, requests);
  else await Promise.all(Array.from({ length: inFlight }, () => send(fetch, requests / inFlight)));
  return Number(process.hrtime.bigint() - start) / 1000 / requests;
}

async function send(fetch, requests) {
  for (let index = 0; index < requests; index += 1) {
    const { status } = await fetch(urls[(Math.random() * urls.length) | 0]);
    if (status !== 204) throw new Error(`The answer was ${status}.`);
  }
}
