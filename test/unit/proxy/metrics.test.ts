import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { McpAuthError, type TokenManagerStatus } from "../../../src/index.js";
import { systemClock } from "../../../src/lib/clock.js";
import { type CountedOutcome, Metrics, proxyMetrics } from "../../../src/proxy/metrics.js";
import { storeGauges } from "../../../src/telemetry/gauges.js";
import { instruments, otherValue } from "../../../src/telemetry/instruments.js";
import { Measurements } from "../../../src/telemetry/measurements.js";
import { prometheusName } from "../../../src/telemetry/prometheus.js";
import { TokenTelemetry } from "../../../src/telemetry/token-telemetry.js";
import type { RenewalReason } from "../../../src/tokens/source.js";

/** Metrics of a runtime, without the runtime. */
function start(isReady = () => true) {
  const measurements = new Measurements();
  const metrics = new Metrics({ measurements, now: () => now }, isReady);
  return { measurements, metrics };
}

const now = 1_700_000_000_000;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Parses the text format 0.0.4 of Prometheus. Throws for anything that its parser would refuse. */
function parse(text: string): {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
} {
  if (!text.endsWith("\n")) throw new Error("The last line does not end.");
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const finished = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, family = "", rest = ""] =
      /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      if (types.has(family) || family === current) throw new Error(`A second HELP: ${line}`);
      finished.add(current);
      current = family;
    } else if (kind === "TYPE") {
      if (family !== current || types.has(family)) throw new Error(`TYPE does not follow HELP: ${line}`);
      assertType(family, rest);
      types.set(family, rest);
    } else {
      const sample = readSample(line);
      const type = types.get(current);
      const base = type === "histogram" ? sample.name.replace(/_(?:bucket|sum|count)$/, "") : sample.name;
      if (base !== current || finished.has(base)) throw new Error(`A sample of another family: ${line}`);
      samples.push(sample);
    }
  }
  assertDistinct(samples);
  return { types, samples };
}

function assertType(family: string, type: string): void {
  if (!["counter", "gauge", "histogram"].includes(type)) throw new Error(`Unknown type: ${type}`);
  if ((type === "counter") !== family.endsWith("_total")) throw new Error(`The name is wrong: ${family}`);
}

function assertDistinct(samples: readonly Sample[]): void {
  const keys = samples.map(({ name, labels }) => `${name}${JSON.stringify(Object.entries(labels).sort())}`);
  if (new Set(keys).size !== keys.length) throw new Error("Two samples have the same labels.");
}

function readSample(line: string): Sample {
  const [, name = "", inner = "", value = ""] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf|NaN)$/.exec(line) ?? [];
  if (name === "") throw new Error(`Not a sample: ${line}`);
  return { name, labels: labelsOf(inner), value: Number(value.replace("+Inf", "Infinity")) };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const [whole = "", name = "", value = ""] =
      /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest) ?? [];
    if (whole === "" || Object.hasOwn(labels, name)) throw new Error(`Bad labels: ${text}`);
    labels[name] = value;
    rest = rest.slice(whole.length);
  }
  return labels;
}

const status = (server: string, more: Partial<TokenManagerStatus> = {}): TokenManagerStatus => ({
  ...{ server, state: "fresh" },
  ...more,
});

const names = new Set([
  ...Object.keys(proxyMetrics),
  ...Object.values(instruments).map((instrument) => prometheusName(instrument)),
]);

/** Returns the value with exactly these labels. */
function find(samples: readonly Sample[], name: string, wanted: Readonly<Record<string, string>>) {
  const sorted = (all: object) => JSON.stringify(Object.entries(all).sort());
  return samples.find((sample) => sample.name === name && sorted(sample.labels) === sorted(wanted))?.value;
}

const crm = { server: "crm", issuer: "https://i.example", grant: "client_credentials" };
const labels = {
  mcp_auth_server: "crm",
  mcp_auth_issuer: "https://i.example",
  mcp_auth_grant: "client_credentials",
};

describe("the text of the metrics", () => {
  test("the metrics are valid before and after everything has happened", async () => {
    const { measurements, metrics } = start();
    expect(new Set(parse(metrics.text([])).types.keys())).toEqual(names);
    measurements.noteServer("crm", crm);
    const telemetry = new TokenTelemetry(measurements, crm, systemClock);
    for (const name of [
      "token:renewed",
      "token:failed",
      "token:rejected",
      "token:cooldown",
      "store:down",
      "key:rotated",
    ]) {
      telemetry.count(name, { reason: "demand", code: "timeout" });
    }
    const isWithheld = () => false;
    await telemetry.acquire({ reason: "demand", isWithheld }, async () => "token");
    await telemetry.wait(Promise.reject(new McpAuthError("unavailable", "No.")), false).catch(() => {});
    const outcomes: readonly CountedOutcome[] = [
      { status: 200 },
      { status: 503 },
      { code: "unavailable" },
      { code: "unavailable", isServerUnreachable: true },
      { code: "secret_unavailable" },
      { code: "unauthorized" },
      undefined,
    ];
    for (const outcome of outcomes) {
      const request = metrics.begin("crm");
      request.respond(outcome);
      request.end();
    }
    metrics.begin("(unknown)").respond({ code: "unknown_server" });
    const statuses = [status("crm", { expiresAt: now + 1_500 }), status("never", { state: "none" })];
    const { samples } = parse(metrics.text(statuses));
    const value = (name: string, wanted: Readonly<Record<string, string>>) => find(samples, name, wanted);
    const ofProxy = { mcp_auth_server: "crm" };
    for (const [outcome, at] of [
      ["2xx", "mcp_server"],
      ["5xx", "mcp_server"],
      ["canceled", "caller"],
      ["unavailable", "authorization_server"],
      ["unavailable", "mcp_server"],
      ["unauthorized", "mcp_server"],
      ["secret_unavailable", "here"],
    ] as const) {
      expect([outcome, at, value("mcp_auth_proxy_requests_total", { ...ofProxy, outcome, at })]).toEqual([
        ...[outcome, at, 1],
      ]);
    }
    expect(value("mcp_auth_proxy_open_requests", ofProxy)).toBe(0);
    expect(value("mcp_auth_proxy_open_requests", { mcp_auth_server: "(unknown)" })).toBe(1);
    expect(value("mcp_auth_proxy_ready", {})).toBe(1);
    expect(value("mcp_auth_token_renewals_total", { ...labels, mcp_auth_reason: "demand" })).toBe(1);
    const failed = { ...labels, mcp_auth_reason: "demand", error_type: "timeout" };
    expect(value("mcp_auth_token_failures_total", failed)).toBe(1);
    expect(value("mcp_auth_token_rejections_total", labels)).toBe(1);
    expect(value("mcp_auth_token_cooldowns_total", { ...labels, error_type: "timeout" })).toBe(1);
    expect(value("mcp_auth_store_outages_total", {})).toBe(1);
    const changes = (credential: string) =>
      value("mcp_auth_credential_changes_total", { ...labels, mcp_auth_credential: credential });
    expect([changes("key"), changes("secret")]).toEqual([1, 0]);
    expect(value("mcp_auth_token_acquire_duration_seconds_count", labels)).toBe(1);
    const waited = { ...labels, error_type: "unavailable" };
    expect(value("mcp_auth_token_wait_duration_seconds_count", waited)).toBe(1);
    expect(value("mcp_auth_token_remaining_lifetime_seconds", labels)).toBe(1.5);
    expect(value("mcp_auth_token_state", { ...labels, mcp_auth_state: "fresh" })).toBe(1);
    expect(value("mcp_auth_token_state", { mcp_auth_server: "never", mcp_auth_state: "none" })).toBe(1);
  });

  test("what can fail later is 0 before it fails, so that its first failure is an increase", () => {
    const { measurements, metrics } = start();
    measurements.noteServer("crm", crm);
    const { samples } = parse(metrics.text([status("crm")]));
    const reasons: Readonly<Record<RenewalReason, 0>> = {
      ...{ demand: 0, expiry: 0, schedule: 0, forced: 0, rejected: 0 },
    };
    for (const reason of Object.keys(reasons)) {
      expect(find(samples, "mcp_auth_token_renewals_total", { ...labels, mcp_auth_reason: reason })).toBe(0);
    }
    for (const name of ["rejections_total", "failing", "refused", "renewal_unplanned"]) {
      expect([name, find(samples, `mcp_auth_token_${name}`, labels)]).toEqual([name, 0]);
    }
    expect(find(samples, "mcp_auth_store_outages_total", {})).toBe(0);
  });

  test("the gauges show what fails now, and not what has recovered", () => {
    let isUsable = false;
    const { measurements, metrics } = start();
    measurements.commonGauges = () => storeGauges({ isUsable });
    measurements.noteServer("crm", crm);
    const lastError = new McpAuthError("unavailable", "No.");
    const value = (name: string, one: Partial<TokenManagerStatus>, more: Record<string, string> = {}) =>
      find(parse(metrics.text([status("crm", one)])).samples, name, more);
    expect(value("mcp_auth_token_failing", { lastError }, { ...labels, error_type: "unavailable" })).toBe(1);
    expect(value("mcp_auth_token_failing", {}, labels)).toBe(0);
    expect(value("mcp_auth_token_refused", { rejectedAt: now }, labels)).toBe(1);
    expect(value("mcp_auth_token_renewal_unplanned", { expiresAt: now + 1 }, labels)).toBe(1);
    const planned = { expiresAt: now + 2, nextRefreshAt: now + 1 };
    expect(value("mcp_auth_token_renewal_unplanned", planned, labels)).toBe(0);
    expect(value("mcp_auth_token_renewal_unplanned", { ...planned, state: "asleep" }, labels)).toBe(1);
    expect(value("mcp_auth_store_usable", {})).toBe(0);
    isUsable = true;
    expect(value("mcp_auth_store_usable", {})).toBe(1);
  });

  test("a value of a label keeps its quotes, backslashes and line ends", () => {
    const { measurements, metrics } = start();
    measurements.add("rejections", 1, { ...crm, issuer: 'https://i.example/"\\\n' });
    const found = parse(metrics.text([])).samples.find(({ name }) => name.includes("rejections"));
    expect(found?.labels["mcp_auth_issuer"]).toBe('https://i.example/\\"\\\\\\n');
  });

  test("the number of series has a limit with 10,000 servers", () => {
    const { measurements, metrics } = start();
    const servers = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
    for (const server of servers) {
      const attributes = { ...crm, server, issuer: `https://${server}.example` };
      measurements.noteServer(server, attributes);
      measurements.add("renewals", 1, { ...attributes, reason: "demand" });
      measurements.add("waits", 0.1, attributes);
      metrics.begin(server).respond({ status: 200 });
    }
    const statuses = servers.map((server, index) => status(server, { expiresAt: now + index }));
    const { samples } = parse(metrics.text(statuses));
    const renewals = samples.filter(({ name }) => name === "mcp_auth_token_renewals_total");
    expect(renewals).toHaveLength(5 * 501);
    expect(renewals.reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
    const others = { mcp_auth_server: otherValue, mcp_auth_issuer: otherValue, mcp_auth_grant: crm.grant };
    expect(find(samples, "mcp_auth_token_state", { ...others, mcp_auth_state: "fresh" })).toBe(9_500);
    expect(find(samples, "mcp_auth_token_remaining_lifetime_seconds", others)).toBe(0.5);
    expect(find(samples, "mcp_auth_proxy_open_requests", { mcp_auth_server: otherValue })).toBe(9_500);
    expect(samples.length).toBeLessThan(35_000);
  });

  test("a server that was never used takes no place of one that is used", () => {
    const { measurements, metrics } = start();
    const idle = Array.from({ length: 600 }, (_, index) => status(`idle${index}`, { state: "none" }));
    const states = () =>
      parse(metrics.text(idle)).samples.filter(({ name }) => name === "mcp_auth_token_state");
    expect(states().map(({ value }) => value)).toEqual([600]);
    measurements.add("rejections", 1, crm);
    expect(find(parse(metrics.text(idle)).samples, "mcp_auth_token_rejections_total", labels)).toBe(1);
  });

  test("a histogram's buckets grow up to its count, which is the number of responses", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("crm", "erp"), { maxLength: 40 }), (servers) => {
        const { metrics } = start();
        for (const server of servers) metrics.begin(server).respond({ status: 200 });
        const { samples } = parse(metrics.text([]));
        for (const server of new Set(servers)) {
          const own = samples.filter((sample) => sample.labels["mcp_auth_server"] === server);
          const buckets = own.filter(({ name }) => name === "mcp_auth_proxy_response_seconds_bucket");
          const bounds = buckets.map(({ labels }) => Number(labels["le"]?.replace("+Inf", "Infinity")));
          expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
          expect(bounds.at(-1)).toBe(Infinity);
          const values = buckets.map(({ value }) => value);
          expect(values).toEqual([...values].sort((a, b) => a - b));
          const count = servers.filter((name) => name === server).length;
          expect(values.at(-1)).toBe(count);
          expect(own.find(({ name }) => name.endsWith("_count"))?.value).toBe(count);
          expect(own.find(({ name }) => name.endsWith("_sum"))?.value).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a status of any number is one of a few labels", () => {
    const { metrics } = start();
    for (let code = 100; code < 1_000; code += 1) metrics.begin("crm").respond({ status: code });
    const { samples } = parse(metrics.text([]));
    expect(samples.filter(({ name }) => name === "mcp_auth_proxy_requests_total").length).toBe(9);
  });

  test("nothing is counted after the metrics are stopped", () => {
    const { measurements, metrics } = start(() => false);
    metrics.stop();
    measurements.add("rejections", 1, crm);
    expect(parse(metrics.text([])).samples).toEqual([
      { name: "mcp_auth_proxy_ready", labels: {}, value: 0 },
      { name: "mcp_auth_store_outages_total", labels: {}, value: 0 },
    ]);
  });
});
