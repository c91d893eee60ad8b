// Measures what telemetry costs, in nanoseconds: one awaited call with a cached token, and one acquisition of a static
// token, which needs no network. Each without an SDK of OpenTelemetry and with one. Prints JSON.
//
// Run it directly, on any Node: node --expose-gc bench/telemetry-cost.mjs
import { metrics, trace } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const { createMcpAuth } = await import(new URL("../dist/index.js", import.meta.url).href);
const rounds = Number(process.argv[2] ?? 9);
const iterations = { cached: 50_000, acquired: 500 };

const config = {
  servers: {
    crm: {
      url: "https://crm.example/mcp",
      grant: { type: "static", token: { env: "TOKEN" }, lifetime: "1h" },
    },
  },
};
const auth = await createMcpAuth({ config, env: { TOKEN: "t".repeat(40) } });
const manager = auth.resolve("crm");
const calls = {
  cached: () => manager.getAccessToken(),
  acquired: () => manager.getAccessToken({ forceRefresh: true }),
};

const results = { without: { cached: [], acquired: [] }, with: { cached: [], acquired: [] } };
for (let round = -1; round < rounds; round++) {
  for (const variant of ["without", "with"]) {
    if (variant === "with") register();
    for (const name of ["cached", "acquired"]) {
      globalThis.gc?.();
      const nanoseconds = await time(calls[name], iterations[name]);
      // The first round only warms up.
      if (round >= 0) results[variant][name].push(nanoseconds);
    }
    if (variant === "with") unregister();
  }
}
await auth.stop();
const medians = Object.fromEntries(
  Object.entries(results).map(([variant, values]) => [
    variant,
    { cached: median(values.cached), acquired: median(values.acquired) },
  ]),
);
const ratio = (name) => Number((medians.with[name] / medians.without[name]).toFixed(2));
const ratios = { cached: ratio("cached"), acquired: ratio("acquired") };
process.stdout.write(`${JSON.stringify({ nanoseconds: medians, ratios })}\n`);

/** Registers an SDK that records everything and exports nothing. */
function register() {
  new NodeTracerProvider().register();
  metrics.setGlobalMeterProvider(new MeterProvider());
}

function unregister() {
  trace.disable();
  metrics.disable();
}

async function time(call, count) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index++) await call();
  return Math.round(Number(process.hrtime.bigint() - start) / count);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
