// An SDK of OpenTelemetry that is registered for one test, and what it has recorded.
import { context, metrics, trace } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";

export interface Point {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The value, or the number of values of a histogram. */
  readonly value: number;
}

export interface OpenTelemetry extends AsyncDisposable {
  /** The ended spans. */
  spans(name?: string): readonly ReadableSpan[];
  points(name?: string): Promise<readonly Point[]>;
  /** The metrics as the Prometheus exporter of the SDK writes them. */
  prometheusText(): Promise<string>;
}

/** Registers an SDK in this process until it is disposed. It also traces requests. */
export function registerOpenTelemetry(): OpenTelemetry {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  tracerProvider.register();
  const reader = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(meterProvider);
  const unregister = registerInstrumentations({
    tracerProvider,
    instrumentations: [new UndiciInstrumentation()],
  });
  const collect = async () => (await reader.collect()).resourceMetrics;
  return {
    spans: (name) => exporter.getFinishedSpans().filter((span) => name === undefined || span.name === name),
    async points(name) {
      const { scopeMetrics } = await collect();
      return scopeMetrics
        .flatMap(({ metrics: recorded }) => recorded)
        .filter(({ descriptor }) => name === undefined || descriptor.name === name)
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({
            name: descriptor.name,
            attributes,
            value: typeof value === "number" ? value : value.count,
          })),
        );
    },
    prometheusText: async () => new PrometheusSerializer().serialize(await collect()),
    async [Symbol.asyncDispose]() {
      unregister();
      trace.disable();
      context.disable();
      metrics.disable();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    },
  };
}
