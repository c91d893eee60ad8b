// Measures the work of the registration for a request to another URL, in nanoseconds: the wrapped `fetch`, for each
// kind of argument, and the subscribers of undici's channels. Prints JSON.
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { assertNode } from "./node.mjs";
import { callAuthorized, urlsAt } from "./register-calls.mjs";
import { interleave, summarize } from "./statistics.mjs";

assertNode();
const [rounds, origin, authorizedUrl] = process.argv.slice(2);
const slices = 15;
const iterations = 20_000;
const urls = urlsAt(origin);
const messages = await recordMessages();

const bare = globalThis.fetch;
let send = bare;
const stub = (input, init) => send(input, init);
globalThis.fetch = stub;
await import(new URL("../../dist/register.js", import.meta.url).href);
const registered = globalThis.fetch;
if (registered === stub) throw new Error("The import did not replace `fetch`.");
if (authorizedUrl !== "") await callAuthorized(authorizedUrl);
const answer = Promise.resolve(new Response(null, { status: 204 }));
send = () => answer;

const call = "for (let i = 0; i < n; i++) call(values[i & 63]);";
const publish = `for (let i = 0; i < n; i++)
  for (const [channel, make] of values[i & 63]) if (channel.hasSubscribers) channel.publish(make());`;
const silent = messages.map((each) => each.map(([{ name }, make]) => [channel(`bench:${name}`), make]));
const pairs = {
  string: pairOf(urls),
  url: pairOf(urls.map((url) => new URL(url))),
  request: pairOf(urls.map((url) => new Request(url))),
  channels: { without: loop(publish, silent), with: loop(publish, messages) },
};
const nanoseconds = {};
for (const [kind, pair] of Object.entries(pairs)) nanoseconds[kind] = await measureAddition(pair);
process.stdout.write(JSON.stringify(nanoseconds));
// Without this, an open connection would keep the process alive for a while.
process.exit();

function pairOf(values) {
  return { without: loop(call, values, stub), with: loop(call, values, registered) };
}

/** Compiles a loop separately, because closures of one literal share their inline caches. */
function loop(body, values, call) {
  return new Function("values", "call", `return (n) => { ${body} }`)(values, call);
}

/** Measures a pair. The figure of a round is the difference of the medians of its slices. */
async function measureAddition(pair) {
  const slice = (name) => {
    const start = process.hrtime.bigint();
    pair[name](iterations);
    return Number(process.hrtime.bigint() - start) / iterations;
  };
  for (let warmUp = 0; warmUp < 20; warmUp += 1) for (const name of Object.keys(pair)) slice(name);
  const differences = [];
  for (let round = 0; round < Number(rounds); round += 1) {
    globalThis.gc();
    const turns = await interleave(Object.keys(pair), slices, slice);
    differences.push(turns.with.median - turns.without.median);
  }
  return summarize(differences);
}

/** Records what undici publishes for requests to the URLs: the channels, with functions that create such messages. */
async function recordMessages() {
  const channels = ["undici:request:create", "undici:request:headers"].map((name) => channel(name));
  const recordings = [];
  const record = ({ request, response }) => {
    if (response === undefined) {
      recordings.push([[channels[0], () => ({ request })]]);
      return;
    }
    const { statusCode, headers, statusText } = response;
    recordings.at(-1).push([channels[1], () => ({ request, response: { statusCode, headers, statusText } })]);
  };
  for (const { name } of channels) subscribe(name, record);
  for (const url of urls) await fetch(url);
  for (const { name } of channels) unsubscribe(name, record);
  if (recordings.length !== urls.length || recordings.some((each) => each.length !== 2))
    throw new Error("undici published other messages than requests and their headers.");
  return recordings;
}
