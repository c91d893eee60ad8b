// The phases of each host: connect, call, revoke, ten concurrent calls, expire, call. The expected numbers of token
// requests and 401s depend on how the requests of the host are authorized.

/** A limit against endless loops. The first call nearly always succeeds. */
const maxAttempts = 100;

/**
 * @callback Verdict
 * @param {string} title
 * @param {boolean} holds
 * @param {string} [explanation]
 * @returns {void}
 */

/**
 * @callback Phases
 * @param {import("./hosts.mjs").Host} host
 * @param {import("./servers-process.mjs").Servers} servers
 * @param {Verdict} verdict
 * @returns {Promise<void>}
 */

/** For a patched `fetch` and shared tokens: no call fails, and the host receives no 401. @type {Phases} */
export async function sharedTokens(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 0 });
  await phase("a first call", { calls: 1, tokenRequests: 0, unauthorized: 0 });
  await servers.revoke();
  // The number of calls that are sent before the first is refused varies.
  await phase("ten concurrent calls after a revocation", {
    calls: 10,
    tokenRequests: 1,
    unauthorized: [1, 10],
  });
  await servers.expire();
  await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 1 });

  const seen = await host.unauthorized?.();
  if (seen !== undefined) verdict("the host receives no 401", seen === 0, `${seen}`);
  await checkOwnRequests(host, servers, verdict);
}

async function checkOwnRequests(host, servers, verdict) {
  const strays = ownRequests(await servers.received(), host.processes());
  verdict("the host starts neither discovery nor a login", strays.length === 0, strays.join("\n"));
}

/**
 * For one process per call without a store: each process requests its own token, and none is refused. @type {Phases}
 */
export async function separateTokens(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 0 });
  await phase("a first call", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await servers.revoke();
  await phase("ten concurrent calls after a revocation", { calls: 10, tokenRequests: 10, unauthorized: 0 });
  await servers.expire();
  await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await checkOwnRequests(host, servers, verdict);
}

/**
 * Through a copy of undici: a request has the token that is at hand and is not sent again after a 401, but the next has
 * a new token. The first request of all is sent without one; mcp-remote survives that, since it is only a probe.
 *
 * @type {Phases}
 */
export async function undiciCopy(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 1 });
  await phase("a first call", { calls: 1, tokenRequests: 0, unauthorized: 0 });
  await servers.revoke();
  await phase("ten concurrent calls after a revocation", {
    calls: 10,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 10 + maxAttempts],
    // A refused request is not sent again.
    failed: "unauthorized",
  });
  await phase("ten concurrent calls with the new token", { calls: 10, tokenRequests: 0, unauthorized: 0 });
  await servers.expire();
  await phase("a call after expiry", {
    calls: 1,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 1 + maxAttempts],
    failed: "unauthorized",
  });
  await phase("a call with the new token", { calls: 1, tokenRequests: 0, unauthorized: 0 });

  // The host requests metadata on startup and after each 401.
  const strays = ownRequests(await servers.received(), host.processes()).filter(
    (line) => !line.includes(" /.well-known/"),
  );
  const isProbe = strays.length === 1 && strays[0] === "GET /mcp at the MCP server";
  verdict("the host sends one request without a token, and starts no login", isProbe, strays.join("\n"));
}

/**
 * @param {import("./hosts.mjs").Host} host
 * @param {import("./servers-process.mjs").Servers} servers
 * @param {Verdict} verdict
 */
function phaseRunner(host, servers, verdict) {
  /** Without `calls`, the phase connects. */
  return async (name, { calls, untilOneSucceeds = false, failed = 0, tokenRequests, unauthorized }) => {
    const before = await servers.counts();
    const failures = [];
    if (calls === undefined) await host.connect();
    else failures.push(...(await host.call(calls)));
    if (untilOneSucceeds) failures.push(...(await callUntilOneSucceeds(host)));
    const after = await servers.counts();
    const seen = {
      tokenRequests: after.tokenRequests - before.tokenRequests,
      unauthorized: after.unauthorized - before.unauthorized,
    };
    const [least, most] = Array.isArray(unauthorized) ? unauthorized : [unauthorized, unauthorized];
    const holds =
      failures.length === (failed === "unauthorized" ? seen.unauthorized : failed) &&
      seen.tokenRequests === tokenRequests &&
      seen.unauthorized >= least &&
      seen.unauthorized <= most;
    const result = `${plural(seen.tokenRequests, "token request")}, ${seen.unauthorized} × 401, ${failures.length} failed`;
    const wanted = least === most ? least : `${least} to ${most}`;
    const expected = `expected: ${plural(tokenRequests, "token request")}, ${wanted} × 401, ${failed} failed`;
    verdict(`${name}: ${result}`, holds, [expected, ...failures].join("\n"));
  };
}

/** Calls until a call succeeds, because the next call after a failure may be sent before the token is replaced. */
async function callUntilOneSucceeds(host) {
  const failures = [];
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const failed = await host.call(1);
    if (failed.length === 0) return failures;
    failures.push(...failed);
  }
  return [...failures, `None of ${maxAttempts} calls succeeded.`];
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The documents that the runtime requests, at most once per process, before its first token request. */
const documents = [
  "GET /.well-known/oauth-protected-resource/mcp at the MCP server",
  "GET /.well-known/oauth-authorization-server at the authorization server",
];

/**
 * Returns the requests without a token that the host makes itself: metadata, registration, login, or the MCP server.
 *
 * @param {readonly import("./servers.js").Received[]} received
 * @param {number} processes the number of processes of the host
 */
function ownRequests(received, processes) {
  const lookups = new Map(documents.map((document) => [document, 0]));
  return received
    .filter(({ request, hasToken }) => !hasToken && request !== "POST /token")
    .map(({ at, request }) => `${request} at the ${at}`)
    .filter((line) => {
      const count = lookups.get(line);
      if (count === undefined) return true;
      lookups.set(line, count + 1);
      return count >= processes;
    });
}
