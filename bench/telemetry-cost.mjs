// Measures what telemetry costs, in nanoseconds: one awaited call with a cached token, and one acquisition of a static
// token, which needs no network. Each without an SDK of OpenTelemetry and with one. `npm run bench` runs it.
import { metrics, trace } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { interleave } from "./lib/statistics.mjs";

const { createMcpAuth } = await import(new URL("../dist/index.js", import.meta.url).href);
const rounds = Number(process.argv[2] ?? 9);

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
const subjects = {
  cached: { call: () => manager.getAccessToken(), count: 50_000, isTraced: false },
  cachedTraced: { call: () => manager.getAccessToken(), count: 50_000, isTraced: true },
  acquired: { call: () => manager.getAccessToken({ forceRefresh: true }), count: 500, isTraced: false },
  acquiredTraced: { call: () => manager.getAccessToken({ forceRefresh: true }), count: 500, isTraced: true },
};

// Once before the rounds, so that all code is loaded and compiled.
for (const name of Object.keys(subjects)) await measure(name);
const nanoseconds = await interleave(Object.keys(subjects), rounds, measure);
await auth.stop();
console.log(JSON.stringify({ nanoseconds }));

async function measure(name) {
  const { call, count, isTraced } = subjects[name];
  if (isTraced) register();
  globalThis.gc?.();
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index++) await call();
  const each = Number(process.hrtime.bigint() - start) / count;
  if (isTraced) unregister();
  return each;
}

/** Registers an SDK that records everything and exports nothing. */
function register() {
  new NodeTracerProvider().register();
  metrics.setGlobalMeterProvider(new MeterProvider());
}

function unregister() {
  trace.disable();
  metrics.disable();
}
