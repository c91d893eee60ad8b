// What every host goes through: connect, call, revoke, ten calls at once, expire, call. How many token requests and how many 401
// that takes depends on how its requests are authorized.

/** Ends what would go on for ever, and judges nothing: the first call nearly always succeeds. */
const mostAttempts = 100;

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

/** Through the patched `fetch`: no call fails, and the host hears of no 401. @type {Phases} */
export async function patchedFetch(host, servers, verdict) {
  const phase = counting(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 0 });
  await phase("a first call", { calls: 1, tokenRequests: 0, unauthorized: 0 });
  await servers.revoke();
  // How many of them are sent before the first is refused is up to chance.
  await phase("ten calls at once after a revocation", { calls: 10, tokenRequests: 1, unauthorized: [1, 10] });
  await servers.expire();
  await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 1 });

  const seen = await host.unauthorized?.();
  if (seen !== undefined) verdict("the host gets to see no 401", seen === 0, `${seen}`);
  await looksNothingUp(host, servers, verdict);
}

async function looksNothingUp(host, servers, verdict) {
  const strays = ownRequests(await servers.received(), host.processes());
  verdict("the host starts neither discovery nor a login", strays.length === 0, strays.join("\n"));
}

/** A process for each call and nothing that they share: each has a token of its own, and none is ever refused. @type {Phases} */
export async function eachWithItsOwn(host, servers, verdict) {
  const phase = counting(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 0 });
  await phase("a first call", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await servers.revoke();
  await phase("ten calls at once after a revocation", { calls: 10, tokenRequests: 10, unauthorized: 0 });
  await servers.expire();
  await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await looksNothingUp(host, servers, verdict);
}

/**
 * Through a copy of undici: a request has the token that is at hand and is not sent again after a 401, but the next has a new
 * token. The first request of all is sent without one; mcp-remote survives that, since it is only a probe.
 *
 * @type {Phases}
 */
export async function bridge(host, servers, verdict) {
  const phase = counting(host, servers, verdict);
  await phase("connect", { tokenRequests: 1, unauthorized: 1 });
  await phase("a first call", { calls: 1, tokenRequests: 0, unauthorized: 0 });
  await servers.revoke();
  await phase("ten calls at once after a revocation", {
    calls: 10,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 10 + mostAttempts],
    // One that is refused is not sent again.
    failed: "unauthorized",
  });
  await phase("ten calls at once with the new token", { calls: 10, tokenRequests: 0, unauthorized: 0 });
  await servers.expire();
  await phase("a call after expiry", {
    calls: 1,
    untilOneSucceeds: true,
    tokenRequests: 1,
    unauthorized: [1, 1 + mostAttempts],
    failed: "unauthorized",
  });
  await phase("a call with the new token", { calls: 1, tokenRequests: 0, unauthorized: 0 });

  // It looks for metadata when it starts, whatever its probe is answered, and after each 401.
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
function counting(host, servers, verdict) {
  /** Without `calls` it connects. */
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

/** The token may be replaced while the failure of a call is on its way to the caller: the very next call can come too early. */
async function callUntilOneSucceeds(host) {
  const failures = [];
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const failed = await host.call(1);
    if (failed.length === 0) return failures;
    failures.push(...failed);
  }
  return [...failures, `No call of ${mostAttempts} succeeded.`];
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What the runtime looks up: at most once in a process, before it requests its first token there. */
const documents = [
  "GET /.well-known/oauth-protected-resource/mcp at the MCP server",
  "GET /.well-known/oauth-authorization-server at the authorization server",
];

/**
 * What a host asks for by itself, with nobody's token: metadata, a registration, a login, or the MCP server.
 *
 * @param {readonly import("./servers.js").Received[]} received
 * @param {number} processes how many there were of the host
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
