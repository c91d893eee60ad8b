// Measures one awaited call of a token source that has a cached token, in nanoseconds. Prints JSON.
//
// All subjects run in one process, each in its own loop. In a shared loop, the call site would see four classes, and
// each subject would pay for the others.
import { ConfidentialClientApplication } from "@azure/msal-node";
import { OAuth2Client } from "google-auth-library";
import { assertNode, coreUrl } from "./lib/node.mjs";
import { startServers } from "./lib/servers.mjs";
import { interleave, summarize } from "./lib/statistics.mjs";

assertNode();
const rounds = Number(process.argv[2] ?? 9);
// A slice takes about 4 ms, less than a time slice of the scheduler. The figure of a round is the median of its slices,
// which excludes the time of other processes.
const slices = 15;
const iterations = { bare: 50_000, ours: 50_000, google: 50_000, msal: 100 };

const servers = await startServers();
const subjects = {
  bare: bareFunction(),
  ours: await ourManager(),
  google: await googleClient(),
  msal: await msalClient(),
};
const names = Object.keys(subjects);
const loops = Object.fromEntries(names.map((name) => [name, ownLoop(name, subjects[name])]));

for (const name of names) {
  for (let warm = 0; warm < 10; warm++) await loops[name](iterations[name]);
}
const before = await servers.records();
const roundValues = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  globalThis.gc();
  const turns = await interleave(names, slices, slice);
  for (const name of names) roundValues[name].push(turns[name].median);
}
const nanoseconds = Object.fromEntries(names.map((name) => [name, summarize(roundValues[name])]));
const after = await servers.records();
if (after.length !== before.length)
  throw new Error("A call went to the network: this was not the cached path.");

await servers.stop();
process.stdout.write(JSON.stringify({ nanoseconds, slices, iterations }));

async function slice(name) {
  const start = process.hrtime.bigint();
  await loops[name](iterations[name]);
  return Number(process.hrtime.bigint() - start) / iterations[name];
}

function ownLoop(name, call) {
  // Compiled separately for each subject, from different sources, because closures of one literal and equal sources
  // share their inline caches.
  const source = `return async function ${name}(n) {
    for (let i = 0; i < n; i++) if ((await call()) === undefined) throw new Error("no token");
  }`;
  return new Function("call", source)(call);
}

function bareFunction() {
  const expiresAt = Date.now() + 3_600_000;
  const token = "a".repeat(40);
  return async () => {
    if (Date.now() < expiresAt) return token;
    throw new Error("expired");
  };
}

async function ourManager() {
  const { createMcpAuth } = await import(coreUrl);
  const auth = await createMcpAuth({ config: servers.config(), env: { BENCH_SECRET: servers.secret } });
  const manager = auth.resolve("bench");
  await manager.getAccessToken();
  return () => manager.getAccessToken();
}

async function googleClient() {
  // The base class of the service account and user clients. Its token endpoint can be configured.
  const client = new OAuth2Client({
    clientId: servers.clientId,
    clientSecret: servers.secret,
    endpoints: { oauth2TokenUrl: servers.tokenEndpoint },
  });
  client.setCredentials({ refresh_token: "bench" });
  await client.getAccessToken();
  return () => client.getAccessToken();
}

async function msalClient() {
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: servers.clientId,
      clientSecret: servers.secret,
      authority: servers.httpsAuthority,
      knownAuthorities: [new URL(servers.httpsAuthority).host],
    },
    system: {
      protocolMode: "OIDC",
      networkClient: { sendGetRequestAsync: send, sendPostRequestAsync: send },
    },
  });
  const request = { scopes: [`${servers.httpsAuthority}/.default`] };
  await client.acquireTokenByClientCredential(request);
  const second = await client.acquireTokenByClientCredential(request);
  if (second?.fromCache !== true) throw new Error("msal-node did not answer from its cache.");
  return () => client.acquireTokenByClientCredential(request);

  // msal-node requires https, so the transport of the first call is replaced.
  async function send(url, { headers, body } = {}) {
    const response = await fetch(url.replace(/^https:/, "http:"), {
      method: body === undefined ? "GET" : "POST",
      headers,
      body,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.json(),
    };
  }
}
