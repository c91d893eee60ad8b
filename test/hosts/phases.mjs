// The phases that a host goes through, all in one process and with the same client. The expected numbers of token
// requests and 401s depend on how its requests are authorized.
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds for which the authorization server is away. */
const absence = 20_000;

/** A limit against endless loops. The first call nearly always succeeds. */
const maxAttempts = 1_000;

/**
 * @callback Verdict
 * @param {string} title
 * @param {boolean} holds
 * @param {string} [explanation]
 * @returns {boolean} whether it holds
 */

/** The proxy, or the host, may have requested the token before the first call. */
const firstCall = { calls: 1, isFirst: true, tokenRequests: 1, unauthorized: 0 };

/**
 * @callback Phases
 * @param {import("./process.mjs").HostProcess} host
 * @param {import("./servers-process.mjs").Servers} servers
 * @param {Verdict} verdict
 * @param {import("./host.js").Way} way
 * @returns {Promise<import("./host.js").Outcome>}
 */

/** All processes share the tokens, and no call fails. @type {Phases} */
export async function sharedTokens(host, servers, verdict, way) {
  return await sharedTokensWith(host, servers, verdict, way, { rest: 0, ofTen: 1 });
}

/**
 * Like `sharedTokens`, for a host that does not say which token a server refused, and when it accepted one: a refusal that
 * arrives late counts for the new token, and a new token that is refused within two seconds counts as one that the server
 * does not want.
 *
 * @type {Phases}
 */
export async function unseenAcceptance(host, servers, verdict, way) {
  const outcome = await sharedTokensWith(host, servers, verdict, way, { rest: 2_500, ofTen: [1, 10] });
  return { ...outcome, tokenRequests: "5, or a few more" };
}

/** @param options `rest`: milliseconds for which a new token is left alone; `ofTen`: the token requests of ten calls */
async function sharedTokensWith(host, servers, verdict, way, { rest, ofTen }) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect and a first call, slow token endpoint", firstCall);
  await servers.slow(false);
  await servers.revoke();
  const afterOne = await phase("a call after a revocation", {
    calls: 1,
    tokenRequests: 1,
    unauthorized: [1, 2],
  });
  await sleep(rest);
  await servers.revoke();
  // The number of calls that are sent before the first is refused varies.
  const afterTen = await phase("ten concurrent calls after a revocation", {
    calls: 10,
    tokenRequests: ofTen,
    unauthorized: [1, 20],
  });
  await sleep(rest);
  await servers.expire();
  // A host with a session for each conversation also opens their event streams again.
  const expiry = await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: [1, 12] });
  await sleep(rest);
  const back = await authorizationServerAway(host, servers, verdict, phase, way.failure, way.recovers);
  await checkOwnRequests(host, servers, verdict, way);
  const { tokenRequests } = await servers.counts();
  return { revocation: afterOne && afterTen, expiry, absence: back, tokenRequests };
}

/** An error of ours about a server that cannot be reached. */
const ourError = /Server \\*"crm\\*": [^\n]*(?:could not|cannot|failed|unavailable|connect|reach)/i;

/**
 * The host makes its own token requests after a 401, one for each call that is under way, and looks up the metadata. Of
 * concurrent calls, some fail.
 *
 * @type {Phases}
 */
export async function ownTokenRequests(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect and a first call, slow token endpoint", firstCall);
  await servers.slow(false);
  await servers.revoke();
  const revocation = await phase("a call after a revocation", {
    calls: 1,
    tokenRequests: 1,
    unauthorized: 1,
  });
  await servers.revoke();
  await phase("ten concurrent calls after a revocation", {
    calls: 10,
    tokenRequests: [1, 10],
    unauthorized: [1, 10],
    failed: [0, 9],
  });
  await phase("a call with the new token", { calls: 1, tokenRequests: 0, unauthorized: 0 });
  await servers.expire();
  const expiry = await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 1 });
  // The failed request is the host's own, so the message is not ours.
  const absence = await authorizationServerAway(host, servers, verdict, phase, /FAILED .*fetch failed/);

  const strays = ownRequests(await servers.received(), 0).filter((line) => !line.includes(" /.well-known/"));
  verdict("the host looks up metadata, and starts no login", strays.length === 0, strays.join("\n"));
  return {
    revocation: revocation && "one call: yes; of ten at once, some fail",
    expiry,
    absence,
    tokenRequests: "5 to 14",
  };
}

/**
 * The host asks for a token after a 401, and each of its sessions begins without one. It also looks up metadata. No call
 * fails.
 *
 * @type {Phases}
 */
export async function tokensOnDemand(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect and a first call, slow token endpoint", { ...firstCall, unauthorized: [1, 3] });
  await servers.slow(false);
  await servers.revoke();
  // The adapter tries a token before the host gets it.
  const replaced = { calls: 1, tokenRequests: 1, unauthorized: [1, 3] };
  const afterOne = await phase("a call after a revocation", replaced);
  await servers.revoke();
  // The host opens nine more sessions.
  const afterTen = await phase("ten concurrent calls after a revocation", {
    calls: 10,
    tokenRequests: 1,
    unauthorized: [10, 40],
  });
  await servers.expire();
  const expiry = await phase("a call after expiry", replaced);
  const back = await authorizationServerAway(host, servers, verdict, phase);

  const isExpected = /^(?:GET \/.well-known\/\S+|POST \/mcp) at the (?:MCP|authorization) server$/;
  const strays = ownRequests(await servers.received(), 0).filter((line) => !isExpected.test(line));
  verdict("the host looks up metadata, and starts no login", strays.length === 0, strays.join("\n"));
  const { tokenRequests } = await servers.counts();
  return { revocation: afterOne && afterTen, expiry, absence: back, tokenRequests };
}

/**
 * A call with a token that is at hand works, one without fails and says why, and later calls work again.
 *
 * @param {RegExp} [expected] what the host says
 * @param {boolean} [recovers] whether the host goes on after a call that failed
 */
async function authorizationServerAway(host, servers, verdict, phase, expected = ourError, recovers = true) {
  await servers.away(true);
  const comesBack = sleep(absence);
  await phase("a call while the authorization server is away", {
    calls: 1,
    tokenRequests: 0,
    unauthorized: 0,
  });
  await servers.revoke();
  const { id, shown } = await host.askInVain();
  verdict("a call without a token says that the authorization server is away", expected.test(shown), shown);
  await comesBack;
  verdict("that call is not answered", !host.isAnswered(id), shown);
  await servers.away(false);
  if (!recovers) {
    const lost = { calls: 1, failed: 1, tokenRequests: 0, unauthorized: 0 };
    await phase("a call after that, with a host that stays disconnected", lost);
    return false;
  }
  return await phase("a call after the authorization server is back", {
    calls: 1,
    tokenRequests: 1,
    unauthorized: [0, 2],
  });
}

/**
 * For one process per call without a store: each process requests its own token, and none is refused. @type {Phases}
 */
export async function separateTokens(host, servers, verdict, way) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("a first call, slow token endpoint", firstCall);
  await servers.slow(false);
  await servers.revoke();
  const afterOne = await phase("a call after a revocation", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await servers.revoke();
  const afterTen = await phase("ten concurrent calls after a revocation", {
    calls: 10,
    tokenRequests: 10,
    unauthorized: 0,
  });
  await servers.expire();
  const expiry = await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await checkOwnRequests(host, servers, verdict, way);
  const { tokenRequests } = await servers.counts();
  return { revocation: afterOne && afterTen, expiry, absence: undefined, tokenRequests };
}

/**
 * Through a copy of undici: a request has the token that is at hand and is not sent again after a 401, but the next has
 * a new token. The first request of all is sent without one, so it has to be one that the host sends again.
 *
 * @type {Phases}
 */
export async function undiciCopy(host, servers, verdict, way) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect and a first call", { ...firstCall, unauthorized: 1 });
  await servers.revoke();
  const revocation = await phase("ten concurrent calls after a revocation", {
    calls: 10,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 10 + maxAttempts],
    // A refused request is not sent again.
    failed: "unauthorized",
  });
  await phase("ten concurrent calls with the new token", { calls: 10, tokenRequests: 0, unauthorized: 0 });
  await servers.expire();
  const expiry = await phase("a call after expiry", {
    calls: 1,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 1 + maxAttempts],
    failed: "unauthorized",
  });
  await phase("a call with the new token", { calls: 1, tokenRequests: 0, unauthorized: 0 });

  // The host requests metadata on startup and after each 401.
  const strays = ownRequests(await servers.received(), lookupsOf(host, way)).filter(
    (line) => !line.includes(" /.well-known/"),
  );
  const isProbe = strays.length === 1 && strays[0] === "GET /mcp at the MCP server";
  verdict("the host sends one request without a token, and starts no login", isProbe, strays.join("\n"));
  const { tokenRequests } = await servers.counts();
  const afterwards = "calls under way fail, later ones work";
  return {
    revocation: revocation && afterwards,
    expiry: expiry && afterwards,
    absence: undefined,
    tokenRequests,
  };
}

/**
 * @param {import("./process.mjs").HostProcess} host
 * @param {import("./servers-process.mjs").Servers} servers
 * @param {Verdict} verdict
 */
export function phaseRunner(host, servers, verdict) {
  return async (name, { calls, isFirst = false, untilOneSucceeds = false, failed = 0, ...expected }) => {
    const before = isFirst ? { tokenRequests: 0, unauthorized: 0, toolCalls: 0 } : await servers.counts();
    const asked = host.asked();
    const failures = [...(await host.ask(calls))];
    if (untilOneSucceeds) failures.push(...(await askUntilOneSucceeds(host)));
    const answered = host.asked() - asked - failures.length;
    const after = await servers.counts();
    const seen = {
      tokenRequests: after.tokenRequests - before.tokenRequests,
      unauthorized: after.unauthorized - before.unauthorized,
    };
    const toolCalls = after.toolCalls - before.toolCalls;
    const holds =
      toolCalls >= answered &&
      isWithin(failures.length, failed === "unauthorized" ? seen.unauthorized : failed) &&
      isWithin(seen.tokenRequests, expected.tokenRequests) &&
      isWithin(seen.unauthorized, expected.unauthorized);
    const result = `${plural(seen.tokenRequests, "token request")}, ${seen.unauthorized} × 401, ${failures.length} failed`;
    const wanted = `${range(expected.tokenRequests)} token requests, ${range(expected.unauthorized)} × 401, ${range(failed)} failed`;
    const ran = `The tool ran ${plural(toolCalls, "time")} for ${answered} answers.`;
    return verdict(`${name}: ${result}`, holds, [`expected: ${wanted}`, ran, ...failures].join("\n"));
  };
}

/** Calls until a call succeeds, because the next call after a failure may be sent before the token is replaced. */
async function askUntilOneSucceeds(host) {
  const failures = [];
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const failed = await host.ask(1);
    if (failed.length === 0) return failures;
    failures.push(...failed);
  }
  return [...failures, `None of ${maxAttempts} calls succeeded.`];
}

/** `expected` is a number, or the lowest and the highest that may be. */
function isWithin(number, expected) {
  const [least, most] = [expected].flat();
  return number >= least && number <= (most ?? least);
}

function range(expected) {
  return [expected].flat().join(" to ");
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

async function checkOwnRequests(host, servers, verdict, way) {
  const { tokenRequests } = await servers.counts();
  const strays = ownRequests(await servers.received(), lookupsOf(host, way), tokenRequests);
  verdict("the host starts neither discovery nor a login", strays.length === 0, strays.join("\n"));
}

/** How often the runtime may look up the metadata of the servers: once per process, and after a 401 once a minute. */
function lookupsOf(host, way) {
  return way.processPerCall === true ? host.asked() : 1 + host.minutes();
}

/** The documents that the runtime requests before its first token request. */
const documents = [
  "GET /.well-known/oauth-protected-resource/mcp at the MCP server",
  "GET /.well-known/oauth-authorization-server at the authorization server",
];
/** Requested in place of the second one, if that fails while the authorization server is away. */
const substitute = "GET /.well-known/openid-configuration at the authorization server";

/**
 * Returns the requests without a token that the host makes itself: metadata, registration, login, or the MCP server.
 *
 * @param {readonly import("./servers.js").Received[]} received
 * @param {number} lookups how often the runtime may request each document
 * @param {number} more how often it may request the first one again: after a refusal, if a minute has passed
 */
function ownRequests(received, lookups, more = 0) {
  const left = new Map(
    documents.map((document, index) => [document, index === 0 ? lookups + more : lookups]),
  );
  const line = ({ request, at }) => `${request} at the ${at}`;
  return received
    .filter(({ request, hasToken }) => !hasToken && request !== "POST /token")
    .filter((each) => !(each.whileAway && line(each) === substitute))
    .map(line)
    .filter((text) => {
      const count = left.get(text) ?? 0;
      left.set(text, count - 1);
      return count <= 0;
    });
}
