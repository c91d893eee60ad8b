import type {
  Counter,
  Histogram,
  Link,
  Meter,
  MeterProvider,
  ObservableResult,
  Attributes as OtelAttributes,
  Span,
} from "@opentelemetry/api";
import { version } from "../lib/version.js";
import { type GaugeValue, limitedGauges } from "./gauges.js";
import {
  type AttributeKey,
  type Attributes,
  attributeNames,
  bucketBounds,
  globalCounters,
  type Instrument,
  type InstrumentKey,
  instrumentKeys,
  instruments,
  spanName,
} from "./instruments.js";
import {
  type AcquisitionSpan,
  type OpenTelemetryRecorder,
  type RegisteredApi,
  registeredApi,
  safely,
  withSpan,
} from "./open-telemetry.js";
import { ServerLimit } from "./server-limit.js";

const scope = "mcp-auth-runtime";

// `SpanStatusCode.ERROR` and `SpanKind.INTERNAL` of the API. The requests within have spans of the kind CLIENT.
const errorStatus = 2;
const internalKind = 0;

/** Has gauges that can be read at any time. */
interface Watched {
  readonly gauges: () => readonly GaugeValue[];
}

/**
 * Records for the SDK that is registered, for all runtimes of the process. If another one is registered later, the
 * instruments are created again.
 */
class Recorder implements OpenTelemetryRecorder {
  readonly #limit = new ServerLimit();
  readonly #watched = new Set<WeakRef<Watched>>();
  #provider: MeterProvider | undefined;
  readonly #instruments = new Map<InstrumentKey, Counter | Histogram>();

  /** Observes the gauges of a runtime as long as it exists. */
  watch(runtime: Watched): void {
    this.#watched.add(new WeakRef(runtime));
    safely(() => this.#useMeter(registeredApi()?.metrics));
  }

  add(key: InstrumentKey, value: number, attributes: Attributes): void {
    safely(() => {
      this.#useMeter(registeredApi()?.metrics);
      const instrument = this.#instruments.get(key);
      if (instrument === undefined) return;
      const named = namedAttributes(instruments[key].attributes, this.#limit.limited(attributes));
      if ("record" in instrument) instrument.record(value, named);
      else instrument.add(value, named);
    });
  }

  async inSpan<T>(options: AcquisitionSpan, work: () => Promise<T>): Promise<T> {
    const api = registeredApi();
    const span = safely(() => startSpan(api, options));
    safely(() => span && options.onStart(span.spanContext()));
    // Begins once, whatever the context manager does.
    let begun: Promise<T> | undefined;
    const begin = (): Promise<T> => {
      begun ??= work();
      return begun;
    };
    if (span !== undefined) safely(() => api?.context?.with(withSpan(api.context.active(), span), begin));
    try {
      const token = await begin();
      if (options.isShared(token)) safely(() => span?.setAttribute("mcp_auth.token.shared", true));
      return token;
    } catch (error) {
      const code = options.codeOf(error);
      // Without the message, which the event `token:failed` has: the code is short and groups failures.
      if (code !== undefined) {
        safely(() =>
          span?.setAttribute(attributeNames.code, code).setStatus({ code: errorStatus, message: code }),
        );
      }
      throw error;
    } finally {
      safely(() => span?.end());
    }
  }

  #useMeter(provider: MeterProvider | undefined): void {
    if (provider === this.#provider) return;
    this.#provider = provider;
    this.#instruments.clear();
    const meter = provider?.getMeter(scope, version);
    if (meter === undefined) return;
    for (const key of instrumentKeys) safely(() => this.#create(meter, key));
    for (const key of globalCounters) this.add(key, 0, {});
  }

  #create(meter: Meter, key: InstrumentKey): void {
    const { name, kind, unit, description }: Instrument = instruments[key];
    const options = { unit, description };
    // The SDK goes on exporting the last value of attributes that are no longer observed, such as those of a state that
    // has ended.
    const past = new Map<string, OtelAttributes>();
    const observe = (result: ObservableResult): void => {
      const ended = new Map(kind === "total" ? past : []);
      for (const { attributes, value } of limitedGauges(key, this.#gauges(), this.#limit)) {
        const named = namedAttributes(instruments[key].attributes, attributes);
        result.observe(value, named);
        const id = JSON.stringify(named);
        past.set(id, named);
        ended.delete(id);
      }
      for (const named of ended.values()) result.observe(0, named);
    };
    switch (kind) {
      case "histogram": {
        const advice = { explicitBucketBoundaries: [...bucketBounds] };
        this.#instruments.set(key, meter.createHistogram(name, { ...options, advice }));
        break;
      }
      case "counter":
        this.#instruments.set(key, meter.createCounter(name, options));
        break;
      case "gauge":
        meter.createObservableGauge(name, options).addCallback(observe);
        break;
      case "total":
        meter.createObservableUpDownCounter(name, options).addCallback(observe);
        break;
    }
  }

  #gauges(): readonly GaugeValue[] {
    return [...this.#watched].flatMap((reference) => {
      const runtime = reference.deref();
      if (runtime === undefined) this.#watched.delete(reference);
      return runtime?.gauges() ?? [];
    });
  }
}

/** Shared by all runtimes, because the number of series is limited for the process. */
export const recorder = new Recorder();

function startSpan(api: RegisteredApi | undefined, options: AcquisitionSpan): Span | undefined {
  const { isBackground, cause, attributes } = options;
  const context = safely(() => cause?.spanContext());
  const links: Link[] = context === undefined ? [] : [{ context }];
  return api?.trace?.getTracer(scope, version).startSpan(
    spanName,
    {
      kind: internalKind,
      root: isBackground,
      links,
      attributes: namedAttributes(["server", "issuer", "grant", "reason"], attributes),
    },
    api.context?.active(),
  );
}

function namedAttributes(keys: readonly AttributeKey[], attributes: Attributes): OtelAttributes {
  const named: OtelAttributes = {};
  for (const key of keys) {
    const value = attributes[key];
    if (value !== undefined) named[attributeNames[key]] = value;
  }
  return named;
}
