import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { McpAuth, TokenManagerStatus } from "../../../src/index.js";
import { Metrics } from "../../../src/proxy/metrics.js";

/** Events of a runtime, without the runtime. */
function events() {
  const listeners = new Map<string, ((event: object) => void)[]>();
  const on: McpAuth["on"] = (name, listener) => {
    // The listeners of all events differ only in their types.
    const known = listener as (event: object) => void;
    listeners.set(name, [...(listeners.get(name) ?? []), known]);
    return () =>
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((each) => each !== known),
      );
  };
  const emit = (name: string, event: object) => {
    for (const listener of listeners.get(name) ?? []) listener(event);
  };
  return { on, emit };
}

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

describe("the text of the metrics", () => {
  test("the metrics are valid before and after everything has happened", () => {
    const { on, emit } = events();
    const metrics = new Metrics({ on });
    expect(parse(metrics.text([])).types.size).toBe(10);
    for (const name of ["token:renewed", "token:failed", "token:rejected", "token:cooldown", "store:down"]) {
      for (const server of ["crm", "a.b-c_D"]) {
        emit(name, { server, issuer: "https://i.example", reason: "demand", durationMs: 1, code: "timeout" });
      }
    }
    emit("token:failed", { server: "crm", reason: "demand", durationMs: 1 });
    for (const outcome of [{ status: 200 }, { status: 503 }, { code: "unavailable" }, undefined]) {
      const request = metrics.begin("crm");
      request.respond(outcome);
      request.end();
    }
    metrics.begin("(unknown)").respond({ code: "unknown_server" });
    const statuses = [status("crm", { expiresAt: 1_700_000_000_123 }), status("never")];
    const { samples } = parse(metrics.text(statuses));
    const find = (name: string, labels: object) =>
      samples.find(
        (sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels),
      )?.value;
    expect(find("mcp_auth_proxy_requests_total", { server: "crm", outcome: "2xx" })).toBe(1);
    expect(find("mcp_auth_proxy_requests_total", { server: "crm", outcome: "canceled" })).toBe(1);
    expect(find("mcp_auth_proxy_requests_total", { server: "crm", outcome: "unavailable" })).toBe(1);
    expect(find("mcp_auth_proxy_open_requests", { server: "crm" })).toBe(0);
    expect(find("mcp_auth_proxy_open_requests", { server: "(unknown)" })).toBe(1);
    expect(find("mcp_auth_token_renewals_total", { server: "crm", reason: "demand" })).toBe(1);
    expect(find("mcp_auth_store_outages_total", {})).toBe(2);
    expect(find("mcp_auth_token_expires_at_seconds", { server: "crm" })).toBe(1_700_000_000.123);
    expect(find("mcp_auth_token_state", { server: "never", state: "fresh" })).toBe(1);
  });

  test("a histogram's buckets grow up to its count, which is the number of responses", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("crm", "erp"), { maxLength: 40 }), (servers) => {
        const metrics = new Metrics(events());
        for (const server of servers) metrics.begin(server).respond({ status: 200 });
        const { samples } = parse(metrics.text([]));
        for (const server of new Set(servers)) {
          const own = samples.filter((sample) => sample.labels["server"] === server);
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
    const metrics = new Metrics(events());
    for (let code = 100; code < 1_000; code += 1) metrics.begin("crm").respond({ status: code });
    const { samples } = parse(metrics.text([]));
    expect(samples.filter(({ name }) => name === "mcp_auth_proxy_requests_total").length).toBe(9);
  });

  test("nothing is counted after the metrics are stopped", () => {
    const { on, emit } = events();
    const metrics = new Metrics({ on });
    metrics.stop();
    emit("token:rejected", { server: "crm" });
    expect(parse(metrics.text([])).samples).toEqual([]);
  });
});
