// Nanoseconds of what the registration does for a request that is not its own: the wrapped `fetch`, by what it is called with,
// and what is subscribed to undici's channels. Prints JSON.
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { assertNode } from "./node.mjs";
import { callAuthorized, urlsAt } from "./register-calls.mjs";
import { interleave, summarize } from "./statistics.mjs";

assertNode();
const [rounds, origin, authorizedUrl] = process.argv.slice(2);
const slices = 15;
const iterations = 20_000;
const urls = urlsAt(origin);
const messages = await recorded();

const bare = globalThis.fetch;
let send = bare;
const stub = (input, init) => send(input, init);
globalThis.fetch = stub;
await import(new URL("../../dist/register.js", import.meta.url).href);
const registered = globalThis.fetch;
if (registered === stub) throw new Error("Nothing was registered.");
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
for (const [kind, pair] of Object.entries(pairs)) nanoseconds[kind] = await addition(pair);
process.stdout.write(JSON.stringify(nanoseconds));
// A timer of the token's renewal does not keep it alive, an open connection would for a while.
process.exit();

function pairOf(values) {
  return { without: loop(call, values, stub), with: loop(call, values, registered) };
}

/** Compiled apart: closures of one literal would share their inline caches. */
function loop(body, values, call) {
  return new Function("values", "call", `return (n) => { ${body} }`)(values, call);
}

/** A round's figure is the difference of the medians of its slices. */
async function addition(pair) {
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

/** What undici publishes for requests to the URLs: channels, with what makes a message as undici does. */
async function recorded() {
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
    throw new Error("undici published something else than requests and their headers.");
  return recordings;
}
