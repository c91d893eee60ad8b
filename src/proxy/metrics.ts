import type { McpAuth, TokenManagerStatus } from "../index.js";

/** Seconds until a response begins. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** How a request ended: with a status of the server, with our error, or because the client hung up. */
export type CountedOutcome = { readonly status: number } | { readonly code: string } | undefined;

type Labels = Readonly<Record<string, string>>;

/** A counter by the values of its labels, which come from the config or from a fixed list. */
class Counter {
  readonly #counts = new Map<string, number>();

  add(labels: Labels): void {
    const key = labelText(labels);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  lines(name: string): readonly string[] {
    return [...this.#counts].map(([labels, count]) => `${name}${labels} ${count}`);
  }
}

/** What is counted for each request. Fields and not counters by label, because this happens for every request. */
class RequestCounts {
  readonly outcomes = new Map<string, number>();
  /** For each of `bounds`, the responses that took longer than the previous bound and not longer than this one. */
  readonly durations = new Uint32Array(bounds.length + 1);
  seconds = 0;
  open = 0;

  respond(outcome: string, seconds: number): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    const found = bounds.findIndex((bound) => seconds <= bound);
    const bucket = found === -1 ? bounds.length : found;
    this.durations[bucket] = (this.durations[bucket] ?? 0) + 1;
    this.seconds += seconds;
  }
}

/**
 * Counts what the proxy and the managers of its servers do, and writes it in the text format of Prometheus. It contains
 * names of servers, error codes and numbers, nothing secret, and no text of a server.
 */
export class Metrics {
  readonly #requests = new Map<string, RequestCounts>();
  readonly #renewals = new Counter();
  readonly #failures = new Counter();
  readonly #rejections = new Counter();
  readonly #cooldowns = new Counter();
  readonly #storeOutages = new Counter();
  readonly #removers: readonly (() => void)[];

  constructor(auth: Pick<McpAuth, "on">) {
    this.#removers = [
      auth.on("token:renewed", ({ server, reason }) => this.#renewals.add({ server, reason })),
      auth.on("token:failed", ({ server, code = "" }) => this.#failures.add({ server, code })),
      auth.on("token:rejected", ({ server }) => this.#rejections.add({ server })),
      auth.on("token:cooldown", ({ server }) => this.#cooldowns.add({ server })),
      auth.on("store:down", () => this.#storeOutages.add({})),
    ];
  }

  /** Counts a request as open until `end` is called. Call `respond` once when its response begins. */
  begin(server: string): { respond(outcome: CountedOutcome): void; end(): void } {
    const startedAt = performance.now();
    const counts = this.#requests.get(server) ?? new RequestCounts();
    this.#requests.set(server, counts);
    counts.open += 1;
    return {
      respond: (outcome) => counts.respond(outcomeText(outcome), (performance.now() - startedAt) / 1_000),
      end: () => {
        counts.open -= 1;
      },
    };
  }

  stop(): void {
    for (const remove of this.#removers) remove();
  }

  /** Returns all values, and those that the status of the managers has. */
  text(statuses: readonly TokenManagerStatus[]): string {
    const expiry = statuses.flatMap(({ server, expiresAt }) =>
      expiresAt === undefined ? [] : { labels: { server }, value: expiresAt / 1_000 },
    );
    const states = statuses.map(({ server, state }) => ({ labels: { server, state }, value: 1 }));
    const requests = [...this.#requests];
    const outcomes = requests.flatMap(([server, counts]) =>
      [...counts.outcomes].map(([outcome, value]) => ({ labels: { server, outcome }, value })),
    );
    const open = requests.map(([server, counts]) => ({ labels: { server }, value: counts.open }));
    const parts = [
      samples(
        "mcp_auth_proxy_requests_total",
        "counter",
        "Requests by status of the server or our code.",
        outcomes,
      ),
      samples("mcp_auth_proxy_open_requests", "gauge", "Requests and streams in progress.", open),
      this.#histogram(),
      family("mcp_auth_token_renewals_total", "New tokens by reason.", this.#renewals),
      family("mcp_auth_token_failures_total", "Failed attempts to get a token by code.", this.#failures),
      family("mcp_auth_token_rejections_total", "Tokens that the server refused.", this.#rejections),
      family("mcp_auth_token_cooldowns_total", "Pauses after failures.", this.#cooldowns),
      family("mcp_auth_store_outages_total", "Outages of the store.", this.#storeOutages),
      samples("mcp_auth_token_expires_at_seconds", "gauge", "Expiry of the token in Unix time.", expiry),
      samples("mcp_auth_token_state", "gauge", "1 for the state of the token.", states),
    ];
    return `${parts.flat().join("\n")}\n`;
  }

  #histogram(): readonly string[] {
    const name = "mcp_auth_proxy_response_seconds";
    const lines = [...this.#requests].flatMap(([server, { durations, seconds }]) => {
      let sum = 0;
      const buckets = [...bounds.map(String), "+Inf"].map((le, index) => {
        sum += durations[index] ?? 0;
        return `${name}_bucket${labelText({ server, le })} ${sum}`;
      });
      const labels = labelText({ server });
      return [...buckets, `${name}_sum${labels} ${seconds}`, `${name}_count${labels} ${sum}`];
    });
    return [...head(name, "histogram", "Time until the response begins."), ...lines];
  }
}

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

function samples(name: string, type: string, help: string, values: readonly Sample[]): readonly string[] {
  return [
    ...head(name, type, help),
    ...values.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`),
  ];
}

function outcomeText(outcome: CountedOutcome): string {
  if (outcome === undefined) return "canceled";
  return "code" in outcome ? outcome.code : `${Math.floor(outcome.status / 100)}xx`;
}

function family(name: string, help: string, counter: Counter): readonly string[] {
  return [...head(name, "counter", help), ...counter.lines(name)];
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** The characters of names of servers and of codes need no escapes. */
function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join()}}`;
}
