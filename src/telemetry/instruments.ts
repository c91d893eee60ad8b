/**
 * The one definition of what is measured. OpenTelemetry uses the names, `/-/metrics` of the proxy their Prometheus
 * form, and tests compare the documentation, the dashboard and the alerts with them.
 *
 * The names follow the semantic conventions of OpenTelemetry: durations in seconds, `error.type`, no unit in a name.
 * The conventions have nothing for OAuth clients, and `mcp.*` is about MCP messages, so the namespace is our own.
 */

/** The attributes by the names that the code uses. Each has few values: names from the config, or a fixed list. */
export const attributeNames = {
  server: "mcp_auth.server",
  issuer: "mcp_auth.issuer",
  grant: "mcp_auth.grant",
  reason: "mcp_auth.reason",
  state: "mcp_auth.state",
  code: "error.type",
} as const;

export type AttributeKey = keyof typeof attributeNames;
export type Attributes = { readonly [Key in AttributeKey]?: string | undefined };

export interface Instrument {
  readonly name: string;
  /** `gauge` is the value of one thing; the values of a `total` may be added up, but can go down. */
  readonly kind: "histogram" | "counter" | "gauge" | "total";
  /** In UCUM. A unit in braces only says what is counted. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly AttributeKey[];
}

const server = ["server", "issuer", "grant"] as const;

export const instruments = {
  acquisitions: {
    name: "mcp_auth.token.acquire.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of token acquisitions, all attempts together. A cached token is not acquired.",
    attributes: [...server, "code"],
  },
  waits: {
    name: "mcp_auth.token.wait.duration",
    kind: "histogram",
    unit: "s",
    description: "How long callers waited for a token. Callers that got a cached token did not wait.",
    attributes: [...server, "code"],
  },
  renewals: {
    name: "mcp_auth.token.renewals",
    kind: "counter",
    unit: "{token}",
    description: "New tokens that this process requested.",
    attributes: [...server, "reason"],
  },
  failures: {
    name: "mcp_auth.token.failures",
    kind: "counter",
    unit: "{attempt}",
    description: "Failed attempts to get a token.",
    attributes: [...server, "reason", "code"],
  },
  rejections: {
    name: "mcp_auth.token.rejections",
    kind: "counter",
    unit: "{token}",
    description: "Tokens that the MCP server refused.",
    attributes: server,
  },
  cooldowns: {
    name: "mcp_auth.token.cooldowns",
    kind: "counter",
    unit: "{cooldown}",
    description: "Pauses after failures, in which no token is requested.",
    attributes: [...server, "code"],
  },
  storeOutages: {
    name: "mcp_auth.store.outages",
    kind: "counter",
    unit: "{outage}",
    description: "Outages of the token store.",
    attributes: [],
  },
  remainingLifetime: {
    name: "mcp_auth.token.remaining_lifetime",
    kind: "gauge",
    unit: "s",
    description: "Time until the token expires. 0 after its expiry.",
    attributes: server,
  },
  states: {
    name: "mcp_auth.token.state",
    kind: "total",
    unit: "{server}",
    description: "Servers by the state of their token.",
    attributes: [...server, "state"],
  },
} as const satisfies Readonly<Record<string, Instrument>>;

export type InstrumentKey = keyof typeof instruments;

/** Upper bounds in seconds of the buckets of all histograms: those that the conventions recommend for MCP. */
export const bucketBounds: readonly number[] = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300,
];

/** The value of an attribute that would have too many values, as in the semantic conventions. */
export const otherValue = "_OTHER";

export const spanName = "mcp_auth.token.acquire";
