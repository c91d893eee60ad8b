import type { McpAuthErrorCode, TokenManagerStatus } from "../index.js";
import type { ProxyInternals } from "../runtime/manager-internals.js";
import { gaugesOf } from "../telemetry/gauges.js";
import { otherValue } from "../telemetry/instruments.js";
import {
  HistogramValue,
  type Labels,
  metricLines,
  PrometheusSink,
  prometheusLabel,
  type Sample,
} from "../telemetry/prometheus.js";
import { maxServers } from "../telemetry/server-limit.js";

/** Seconds until a response begins. */
const bounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics that only the proxy has. `src/telemetry/instruments.ts` has the others. */
export const proxyMetrics = {
  mcp_auth_proxy_ready: {
    kind: "gauge",
    description: "1 if the proxy is ready: it has requested the first tokens, and a server can be used.",
    labels: [],
  },
  mcp_auth_proxy_requests_total: {
    kind: "counter",
    description:
      "Requests by outcome: the class of the status of the server, our code, or canceled, and where it was decided.",
    labels: ["outcome", "at"],
  },
  mcp_auth_proxy_open_requests: {
    kind: "gauge",
    description: "Requests and streams in progress.",
    labels: [],
  },
  mcp_auth_proxy_response_seconds: {
    kind: "histogram",
    description: "Time until the response begins.",
    labels: [],
  },
} as const;

const serverLabel = prometheusLabel("server");

/** How a request ended: with a status of the server, with our error, or because the client hung up. */
export type CountedOutcome =
  | { readonly status: number }
  | { readonly code: McpAuthErrorCode; readonly isServerUnreachable?: boolean }
  | undefined;

/** What is counted for each request. Fields and not samples by label, because this happens for every request. */
class RequestCounts {
  readonly outcomes = new Map<string, { readonly labels: Labels; value: number }>();
  readonly durations = new HistogramValue(bounds);
  open = 0;

  respond(outcome: CountedOutcome, seconds: number): void {
    const [text, at] = [outcomeText(outcome), placeOf(outcome)];
    const key = `${text} ${at}`;
    const count = this.outcomes.get(key) ?? { labels: { outcome: text, at }, value: 0 };
    this.outcomes.set(key, count);
    count.value += 1;
    this.durations.add(seconds);
  }
}

type MeasuredRuntime = Pick<ProxyInternals, "measurements" | "now">;

/**
 * Counts what the proxy and the managers of its servers do, and writes it in the text format of Prometheus. It contains
 * names of servers, error codes and numbers, nothing secret, and no text of a server.
 */
export class Metrics {
  readonly #requests = new Map<string, RequestCounts>();
  readonly #runtime: MeasuredRuntime;
  readonly #isReady: () => boolean;
  readonly #sink = new PrometheusSink();
  readonly #unsubscribe: () => void;

  constructor(runtime: MeasuredRuntime, isReady: () => boolean) {
    this.#runtime = runtime;
    this.#isReady = isReady;
    this.#unsubscribe = runtime.measurements.subscribe(this.#sink);
  }

  /** Counts a request as open until `end` is called. Call `respond` once when its response begins. */
  begin(server: string): { respond(outcome: CountedOutcome): void; end(): void } {
    const startedAt = performance.now();
    const counts = this.#countsOf(server);
    counts.open += 1;
    return {
      respond: (outcome) => counts.respond(outcome, (performance.now() - startedAt) / 1_000),
      end: () => {
        counts.open -= 1;
      },
    };
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** Returns all values, and those that the status of the managers has. */
  text(statuses: readonly TokenManagerStatus[]): string {
    const { measurements, now } = this.#runtime;
    const gauges = [
      ...gaugesOf(statuses, (server) => measurements.attributesOf(server), now()),
      ...measurements.commonGauges(),
    ];
    const requests = [...this.#requests].map(([server, counts]) => ({
      labels: { [serverLabel]: server },
      counts,
    }));
    const outcomes = requests.flatMap(({ labels, counts }) =>
      [...counts.outcomes.values()].map(({ labels: own, value }) => ({
        labels: { ...labels, ...own },
        value,
      })),
    );
    const samples: Readonly<Record<keyof typeof proxyMetrics, readonly Sample[]>> = {
      mcp_auth_proxy_ready: [{ labels: {}, value: this.#isReady() ? 1 : 0 }],
      mcp_auth_proxy_requests_total: outcomes,
      mcp_auth_proxy_open_requests: requests.map(({ labels, counts }) => ({ labels, value: counts.open })),
      mcp_auth_proxy_response_seconds: requests.map(({ labels, counts }) => ({
        labels,
        value: counts.durations,
      })),
    };
    // `Object.keys` has this type only as `string[]`.
    const names = Object.keys(proxyMetrics) as (keyof typeof proxyMetrics)[];
    const lines = names.flatMap((name) => metricLines(name, proxyMetrics[name], samples[name]));
    return `${[...lines, ...this.#sink.lines(gauges)].join("\n")}\n`;
  }

  /** Returns the counts of a server, those of all others together after the first `maxServers`. */
  #countsOf(server: string): RequestCounts {
    const name = this.#requests.has(server) || this.#requests.size < maxServers ? server : otherValue;
    const counts = this.#requests.get(name) ?? new RequestCounts();
    this.#requests.set(name, counts);
    return counts;
  }
}

function outcomeText(outcome: CountedOutcome): string {
  if (outcome === undefined) return "canceled";
  return "code" in outcome ? outcome.code : `${Math.floor(outcome.status / 100)}xx`;
}

/** Where a request failed or was answered: the first place to look at. */
type Place = "mcp_server" | "authorization_server" | "here" | "caller";

/** The codes of failures that are not those of the authorization server, or of the requests to it. */
const places: Readonly<Partial<Record<McpAuthErrorCode, Place>>> = {
  unauthorized: "mcp_server",
  insufficient_scope: "mcp_server",
  sender_constrained: "mcp_server",
  resource_mismatch: "mcp_server",
  config_not_found: "here",
  config_invalid: "here",
  secret_unavailable: "here",
  key_invalid: "here",
  signer_unavailable: "here",
  unknown_server: "here",
  insecure_url: "here",
  egress_denied: "here",
  store_unavailable: "here",
  stopped: "here",
  aborted: "caller",
};

function placeOf(outcome: CountedOutcome): Place {
  if (outcome === undefined) return "caller";
  if ("status" in outcome || outcome.isServerUnreachable === true) return "mcp_server";
  return places[outcome.code] ?? "authorization_server";
}
