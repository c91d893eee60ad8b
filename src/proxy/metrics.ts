import type { McpAuth, TokenManagerStatus } from "../index.js";
import type { ForwardOutcome } from "./forward.js";

/** Seconds until a response begins. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Labels = Readonly<Record<string, string>>;

/** A counter by the values of its labels, which come from the config or from a fixed list. */
class Counter {
  readonly #counts = new Map<string, number>();

  add(labels: Labels, amount = 1): void {
    const key = labelText(labels);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + amount);
  }

  lines(name: string): readonly string[] {
    return [...this.#counts].map(([labels, count]) => `${name}${labels} ${count}`);
  }
}

/**
 * Counts what the proxy and the managers of its servers do, and writes it in the text format of Prometheus. It contains
 * names of servers, error codes and numbers, nothing secret, and no text of a server.
 */
export class Metrics {
  readonly #requests = new Counter();
  readonly #open = new Counter();
  readonly #durations = new Counter();
  readonly #durationSums = new Counter();
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

  /** Counts a request as open. Call `respond` once when its response begins, and `end` once when it has ended. */
  begin(server: string): { respond(outcome: ForwardOutcome): void; end(): void } {
    const startedAt = performance.now();
    this.#open.add({ server });
    return {
      respond: (outcome) => {
        this.#requests.add({ server, outcome: outcomeText(outcome) });
        const seconds = (performance.now() - startedAt) / 1_000;
        for (const le of bounds) if (seconds <= le) this.#durations.add({ server, le: String(le) });
        this.#durations.add({ server, le: "+Inf" });
        this.#durationSums.add({ server }, seconds);
      },
      end: () => this.#open.add({ server }, -1),
    };
  }

  stop(): void {
    for (const remove of this.#removers) remove();
  }

  /** Returns all values, and those that the status of the managers has. */
  text(statuses: readonly TokenManagerStatus[]): string {
    const duration = "mcp_auth_proxy_response_seconds";
    const expiry = statuses.flatMap(({ server, expiresAt }) =>
      expiresAt === undefined
        ? []
        : `mcp_auth_token_expires_at_seconds${labelText({ server })} ${expiresAt / 1_000}`,
    );
    const states = statuses.map(
      ({ server, state }) => `mcp_auth_token_state${labelText({ server, state })} 1`,
    );
    const parts = [
      family(
        "mcp_auth_proxy_requests_total",
        "counter",
        "Requests by status of the server, or by code of our error.",
        this.#requests,
      ),
      family("mcp_auth_proxy_open_requests", "gauge", "Requests and streams in progress.", this.#open),
      [
        ...head(duration, "histogram", "Time until the response begins."),
        ...this.#durations.lines(`${duration}_bucket`),
        ...this.#durationSums.lines(`${duration}_sum`),
        ...this.#durations
          .lines(`${duration}_count`)
          .filter((line) => line.includes('le="+Inf"'))
          .map((line) => line.replace(',le="+Inf"', "")),
      ],
      family("mcp_auth_token_renewals_total", "counter", "New tokens by reason.", this.#renewals),
      family(
        "mcp_auth_token_failures_total",
        "counter",
        "Failed attempts to get a token by code.",
        this.#failures,
      ),
      family(
        "mcp_auth_token_rejections_total",
        "counter",
        "Tokens that the server refused.",
        this.#rejections,
      ),
      family("mcp_auth_token_cooldowns_total", "counter", "Pauses after failures.", this.#cooldowns),
      family("mcp_auth_store_outages_total", "counter", "Outages of the store.", this.#storeOutages),
      [
        ...head("mcp_auth_token_expires_at_seconds", "gauge", "Expiry of the token, in Unix time."),
        ...expiry,
      ],
      [...head("mcp_auth_token_state", "gauge", "The state of the token."), ...states],
    ];
    return `${parts.flat().join("\n")}\n`;
  }
}

function outcomeText(outcome: ForwardOutcome): string {
  if (outcome === undefined) return "canceled";
  return "code" in outcome ? outcome.code : `${Math.floor(outcome.status / 100)}xx`;
}

function family(name: string, type: string, help: string, counter: Counter): readonly string[] {
  return [...head(name, type, help), ...counter.lines(name)];
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** The characters of names of servers and of codes need no escapes. */
function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join()}}`;
}
