import { ratio } from "./statistics.mjs";

/** The targets of `npm run bench`, each with the measurement that decides it. */
export const targets = [
  {
    name: "cached getAccessToken(), times the bare async function",
    by: "cached",
    limit: "at most 1.5",
    value: ({ cached }) => ratio(cached.nanoseconds.ours, cached.nanoseconds.bare).value,
    met: (value) => value <= 1.5,
  },
  {
    name: "cached getAccessToken(), times google-auth-library",
    by: "cached",
    limit: "below 1",
    value: ({ cached }) => ratio(cached.nanoseconds.ours, cached.nanoseconds.google).value,
    met: (value) => value < 1,
  },
  {
    name: "cached getAccessToken(), times msal-node",
    by: "cached",
    limit: "below 1",
    value: ({ cached }) => ratio(cached.nanoseconds.ours, cached.nanoseconds.msal).value,
    met: (value) => value < 1,
  },
  {
    name: "cached getAccessToken() with an SDK of OpenTelemetry, times without one",
    by: "telemetry",
    limit: "at most 1.2",
    value: ({ telemetry }) => ratio(telemetry.nanoseconds.cachedTraced, telemetry.nanoseconds.cached).value,
    met: (value) => value <= 1.2,
  },
  nodesTarget("import of the core, times @modelcontextprotocol/client", "imports", "core", "client", 0.12),
  nodesTarget("the same and createMcpAuth(), times the client", "imports", "createMcpAuth", "client", 0.35),
  nodesTarget("start with register, times bare Node", "starts", "register", "bare", 2.4),
  nodesTarget("token from the file store, times bare Node", "starts", "token", "bare", 4),
  wireTarget("cold connect and one call: requests", "at most 7", "cold", "requests", 7),
  wireTarget(
    "cold connect and one call: round trips before the first MCP request",
    "at most 2",
    "cold",
    "roundTrips",
    2,
  ),
  wireTarget("one call after expiry: requests", "at most 2", "expired", "requests", 2),
  wireTarget("one call after expiry: token requests", "at most 1", "expired", "tokenRequests", 1),
  wireTarget("50 concurrent calls after expiry: token requests", "at most 1", "many", "tokenRequests", 1),
  wireTarget("50 concurrent calls after expiry: failed calls", "0", "many", "failures", 0),
  registerTarget(
    1,
    "the difference",
    ({ microseconds: { 1: each } }) => ratio(each.registered, each.bare).value - 1,
  ),
  registerTarget(1, "the added work alone", (result) => registerShare(result, 1)),
  // There is no target for the difference, because two equal subjects differ by more than that here.
  registerTarget(100, "the added work alone", (result) => registerShare(result, 100)),
  loadingTarget("load 10,000 servers, times JSON.parse and the compiled validator", 4, (scale, shape) => {
    const { createMcpAuth, parseAndValidate } = scale.loading[shape][scale.most].milliseconds;
    return ratio(createMcpAuth, parseAndValidate).value;
  }),
  loadingTarget("load 100 to 10,000 servers: exponent of the time", 1.1, loadingExponent),
  loadingTarget("heap of each of 10,000 servers that nobody resolved, bytes", 4_096, (scale, shape) => {
    return scale.loading[shape][scale.most].bytesPerServer;
  }),
  {
    name: "wait through the proxy at p99, times a bare reverse proxy",
    by: "proxy",
    limit: "at most 1.3",
    value: ({ proxy }) => ratio(proxy.milliseconds.p99.ours, proxy.milliseconds.p99.bare).value,
    met: (value) => value <= 1.3,
  },
  {
    name: "heap of a manager with a token, after a request, bytes",
    by: "scale",
    limit: "below 12288",
    value: ({ scale }) => Math.max(...Object.values(scale).flatMap(({ manager }) => Object.values(manager))),
    met: (value) => value < 12_288,
  },
];

/** Returns the exponent with which the time to load a config grows: 1 if it is proportional to the servers. */
export function loadingExponent({ loading, fewest, most }, shape) {
  const [few, many] = [fewest, most].map((count) => loading[shape][count].milliseconds.createMcpAuth.median);
  return Math.log(many / few) / Math.log(most / fewest);
}

/** @param results the output of the measurements */
export function judge(results) {
  return targets.map(({ name, by, limit, value, met }) => {
    const measured = value(results);
    return { name, by, limit, measured, met: met(measured) };
  });
}

/**
 * A target for what the registration adds to a `fetch` to another URL, as a share of it, for the worst of the configs.
 */
function registerTarget(inFlight, what, shareOf) {
  return {
    name: `fetch of a URL that is not in the config, ${inFlight} in flight: ${what}`,
    by: "register",
    limit: "below 0.01",
    value: ({ register }) => Math.max(...Object.values(register).map(shareOf)),
    met: (value) => value < 0.01,
  };
}

/** Returns the added work as a share of the bare fetch of the same run. */
export function registerShare({ microseconds, nanoseconds }, inFlight) {
  const { channels, ...inputs } = nanoseconds;
  const added = Math.max(...Object.values(inputs).map(({ median }) => median)) + channels.median;
  return added / 1000 / microseconds[inFlight].bare.median;
}

/** A target for a large config, for the worst of the Nodes and of the configs. */
function loadingTarget(name, most, measure) {
  return {
    name,
    by: "scale",
    limit: `at most ${most}`,
    value: ({ scale }) =>
      Math.max(
        ...Object.values(scale).flatMap((each) =>
          Object.keys(each.loading).map((shape) => measure(each, shape)),
        ),
      ),
    met: (value) => value <= most,
  };
}

/** A target for a ratio that must hold on every version of Node, so the highest is judged. */
function nodesTarget(name, by, subject, base, most) {
  return {
    name,
    by,
    limit: `at most ${most}`,
    value: (results) =>
      Math.max(
        ...Object.values(results[by]).map(
          ({ milliseconds }) => ratio(milliseconds[subject], milliseconds[base]).value,
        ),
      ),
    met: (value) => value <= most,
  };
}

/** A target for a count. It must hold in each round, so the worst round is judged and not the median. */
function wireTarget(name, limit, phase, count, most) {
  return {
    name,
    by: "wire",
    limit,
    value: ({ wire }) => Math.max(...wire.results.ours.map((round) => round[phase][count])),
    met: (value) => value <= most,
  };
}
