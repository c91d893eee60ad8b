import { ratio, summarize } from "./statistics.mjs";
import { loadingExponent, registerShare } from "./targets.mjs";

/** Formats rows as a table in Markdown, with the first column on the left and the others on the right. */
function table(heading, rows) {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)));
  const text = (line) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [text(heading), text(rule), ...rows.map(text)].join("\n");
}

const round = (value) => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3));
const spread = ({ min, max }) => `${round(min)} to ${round(max)}`;
const percent = (share) => `${(share * 100).toFixed(2)} %`;
const differences = ({ value, min, max }) => [
  percent(value - 1),
  `${percent(min - 1)} to ${percent(max - 1)}`,
];
const times = ({ value, min, max }) => [
  value.toPrecision(3),
  `${min.toPrecision(3)} to ${max.toPrecision(3)}`,
];

export function cachedReport({ nanoseconds }, versions) {
  const labels = {
    bare: "bare async function",
    ours: "getAccessToken() of mcp-auth-runtime",
    google: `google-auth-library ${versions["google-auth-library"]}`,
    msal: `@azure/msal-node ${versions["@azure/msal-node"]}`,
  };
  const rows = Object.entries(labels).map(([name, label]) => {
    const subject = nanoseconds[name];
    return [label, round(subject.median), spread(subject), ...times(ratio(subject, nanoseconds.bare))];
  });
  return table(["cached token, one awaited call", "ns", "spread", "times bare", "spread"], rows);
}

export function importReport(byNode, versions) {
  const labels = {
    client: `\`import\` of @modelcontextprotocol/client ${versions["@modelcontextprotocol/client"]}`,
    core: "`import` of mcp-auth-runtime",
    createMcpAuth: "the same, and `createMcpAuth()` with a JSON file",
    empty: "`import` of an empty module",
  };
  return tablesByNode(byNode, labels, "times client");
}

export function startReport(byNode) {
  const labels = {
    bare: "`node -e 0`",
    empty: "`--import` of an empty module",
    modules: "six empty modules, `node:crypto` and a write to stdout",
    register: "`--import mcp-auth-runtime/register`",
    token: "`mcp-auth-runtime token`, from the file store",
  };
  return tablesByNode(byNode, labels, "times bare");
}

/** A table for each version of Node. The first subject is the base of the ratios. */
function tablesByNode(byNode, labels, heading) {
  const [base] = Object.keys(labels);
  return Object.entries(byNode)
    .map(([node, { milliseconds }]) => {
      const rows = Object.entries(labels).map(([name, label]) => {
        const subject = milliseconds[name];
        return [label, round(subject.median), spread(subject), ...times(ratio(subject, milliseconds[base]))];
      });
      return table([`Node ${node}`, "ms", "spread", heading, "spread"], rows);
    })
    .join("\n\n");
}

export function wireReport({ latency, concurrent, results }) {
  const phases = {
    cold: "cold connect and one call",
    warm: "another call",
    expired: "one call after expiry",
    many: `${concurrent} concurrent calls after expiry`,
    late: "one call an hour later",
  };
  const rows = Object.entries(phases).map(([phase, label]) => {
    const [ours, sdk] = [results.ours, results.sdk].map((rounds) => {
      const counts = (count) => {
        const { median, min, max } = summarize(rounds.map((each) => each[phase][count]));
        return min === max ? String(median) : `${min} to ${max}`;
      };
      const waited = summarize(rounds.map((each) => each[phase].milliseconds));
      return { counts, waited };
    });
    const pair = (count) => `${ours.counts(count)} : ${sdk.counts(count)}`;
    return [
      label,
      pair("requests"),
      pair("tokenRequests"),
      // The round trips of concurrent calls cannot be told apart at the servers.
      phase === "many" ? "" : pair("roundTrips"),
      pair("failures"),
      `${round(ours.waited.median)} : ${round(sdk.waited.median)}`,
      ratio(ours.waited, sdk.waited).value.toPrecision(3),
      `${spread(ours.waited)} : ${spread(sdk.waited)}`,
    ];
  });
  return table(
    [
      `ours : SDK's, with ${latency} ms per response`,
      "requests",
      "token requests",
      "round trips",
      "failures",
      "ms",
      "times SDK",
      "spread",
    ],
    rows,
  );
}

export function registerReport(results) {
  const labels = {
    one: "1 server in the config",
    oneAuthorized: "the same, after an authorized request",
    thousandAuthorized: "1,000 servers, after an authorized request",
  };
  const fetches = [1, 100].map((inFlight) => {
    const rows = Object.entries(labels).map(([name, label]) => {
      const { bare, bareAgain, registered } = results[name].microseconds[inFlight];
      const compared = [registered, bareAgain].flatMap((subject) => differences(ratio(subject, bare)));
      return [label, round(bare.median), round(registered.median), ...compared];
    });
    const heading = ["bare, µs", "with it, µs", "added", "spread", "bare again", "spread"];
    return table([`fetch of another URL, ${inFlight} in flight`, ...heading], rows);
  });
  const additions = Object.entries(labels).map(([name, label]) => [
    label,
    ...Object.values(results[name].nanoseconds).map(({ median }) => round(median)),
    ...[1, 100].map((inFlight) => percent(registerShare(results[name], inFlight))),
  ]);
  const heading = ["the added work alone, ns", "string", "URL", "Request", "undici", "at 1", "at 100"];
  return [...fetches, table(heading, additions)].join("\n\n");
}

export function telemetryReport({ nanoseconds }) {
  const rows = ["cached", "acquired"].map((name) => {
    const [bare, traced] = [nanoseconds[name], nanoseconds[`${name}Traced`]];
    const label = { cached: "a call with a cached token", acquired: "an acquisition without a network" }[
      name
    ];
    return [label, round(bare.median), round(traced.median), ...times(ratio(traced, bare))];
  });
  return table(["one awaited call", "without an SDK, ns", "with one, ns", "times", "spread"], rows);
}

export function scaleReport(byNode) {
  const labels = { inline: "a client each", named: "one client" };
  const loaded = Object.entries(byNode).map(([node, scale]) => {
    const rows = Object.entries(labels).flatMap(([shape, label]) =>
      [scale.fewest, scale.most].map((count) => {
        const { milliseconds, bytesPerServer } = scale.loading[shape][count];
        const { parseAndValidate, createMcpAuth } = milliseconds;
        // The heap of a small config is that of the runtime, and not that of its servers.
        const isMost = count === scale.most;
        return [
          `${count} servers, ${label}`,
          ...[parseAndValidate, createMcpAuth].map(({ median }) => round(median)),
          ...times(ratio(createMcpAuth, parseAndValidate)),
          isMost ? loadingExponent(scale, shape).toPrecision(3) : "",
          isMost ? bytesPerServer.toFixed(0) : "",
        ];
      }),
    );
    const heading = ["parse and validate, ms", "`createMcpAuth()`, ms", "times", "spread", "exponent"];
    return table([`Node ${node}`, ...heading, "bytes per server"], rows);
  });
  const states = {
    resolved: "resolved",
    used: "with a token",
    called: "after a request with the token",
  };
  const rows = Object.entries(states).map(([state, label]) => [
    label,
    ...Object.values(byNode).map(({ manager }) => manager[state].toFixed(0)),
  ]);
  const heading = Object.keys(byNode).map((node) => `Node ${node}, bytes`);
  return [...loaded, table(["heap of a manager", ...heading], rows)].join("\n\n");
}

export function proxyReport({ rate, inFlight, milliseconds: { p50, p99 }, perSecond }) {
  const labels = {
    direct: "no proxy",
    bare: "bare reverse proxy on undici",
    ours: "`startProxy()` of mcp-auth-runtime",
  };
  const rows = Object.entries(labels).map(([name, label]) => {
    const waits = [p50, p99].flatMap((each) => [
      round(each[name].median),
      ...times(ratio(each[name], each.bare)),
    ]);
    return [label, ...waits, round(perSecond[name].median), ...times(ratio(perSecond[name], perSecond.bare))];
  });
  return table(
    [
      `${rate} calls a second; then ${inFlight} at a time`,
      ...["p50, ms", "times bare", "spread", "p99, ms", "times bare", "spread"],
      ...["calls a second", "times bare", "spread"],
    ],
    rows,
  );
}

export function targetReport(judged) {
  return table(
    ["target", "limit", "measured", ""],
    judged.map(({ name, limit, measured, met }) => [
      name,
      limit,
      String(Number(measured.toPrecision(3))),
      met ? "met" : "MISSED",
    ]),
  );
}
