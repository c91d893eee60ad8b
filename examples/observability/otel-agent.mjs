// Registers OpenTelemetry in an agent: node --import ./otel-agent.mjs agent.mjs
//
// npm install @opentelemetry/sdk-trace-node @opentelemetry/sdk-metrics @opentelemetry/exporter-prometheus \
//   @opentelemetry/instrumentation @opentelemetry/instrumentation-undici @opentelemetry/api
import { metrics } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

// Prints each span. In production, use BatchSpanProcessor with OTLPTraceExporter instead.
const tracerProvider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())],
});
tracerProvider.register();

// Prometheus scrapes http://127.0.0.1:9464/metrics.
const port = Number(process.env.METRICS_PORT ?? 9464);
const reader = new PrometheusExporter({ host: "127.0.0.1", port });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

// The requests to authorization servers and MCP servers become spans, too.
registerInstrumentations({ tracerProvider, instrumentations: [new UndiciInstrumentation()] });
