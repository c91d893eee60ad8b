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
  credential: "mcp_auth.credential",
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
  credentialChanges: {
    name: "mcp_auth.credential.changes",
    kind: "counter",
    unit: "{change}",
    description: "Client secrets and keys that differed from the previous one when they were read.",
    attributes: [...server, "credential"],
  },
  storeOutages: {
    name: "mcp_auth.store.outages",
    kind: "counter",
    unit: "{outage}",
    description: "Outages of the token store.",
    attributes: [],
  },
  storeUsable: {
    name: "mcp_auth.store.usable",
    kind: "gauge",
    unit: "{store}",
    description: "1 if the token store can be used, 0 during an outage. Absent without a store.",
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
  failing: {
    name: "mcp_auth.token.failing",
    kind: "total",
    unit: "{server}",
    description: "1, with the code, if the last token request failed. 0 after a success.",
    attributes: [...server, "code"],
  },
  refused: {
    name: "mcp_auth.token.refused",
    kind: "total",
    unit: "{server}",
    description: "1 if the MCP server has refused the current token and accepted none since. 0 otherwise.",
    attributes: server,
  },
  unplanned: {
    name: "mcp_auth.token.renewal_unplanned",
    kind: "total",
    unit: "{server}",
    description: "1 if the token will expire and no renewal is planned, because nobody uses it. 0 otherwise.",
    attributes: server,
  },
} as const satisfies Readonly<Record<string, Instrument>>;

export type InstrumentKey = keyof typeof instruments;

/**
 * Upper bounds in seconds of the buckets of all histograms. Most token requests take 5 to 500 ms. Those that are
 * repeated, and the callers that wait for them, take up to the deadline, which is 30 s unless the config changes it.
 */
export const bucketBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60,
];

// `Object.keys` has this type only as `string[]`.
export const instrumentKeys = Object.keys(instruments) as readonly InstrumentKey[];

/** The counters that are not of a server. */
export const globalCounters = instrumentKeys.filter(
  (key) => instruments[key].kind === "counter" && instruments[key].attributes.length === 0,
);

/** Why tokens are requested: the values of `RenewalReason`. */
export const renewalReasons: readonly string[] = ["demand", "expiry", "schedule", "forced", "rejected"];

/** The value of an attribute that would have too many values, as in the semantic conventions. */
export const otherValue = "_OTHER";

export const spanName = "mcp_auth.token.acquire";
