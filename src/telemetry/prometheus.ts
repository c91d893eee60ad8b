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
} from "./instruments.js";
import type { Sink } from "./measurements.js";
import { ServerLimit } from "./server-limit.js";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number | HistogramValue;
}

/** The measurements of one series of a histogram. */
export class HistogramValue {
  readonly bounds: readonly number[];
  /** For each bound, how many values were above the previous one and not above this one. The last has all others. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? this.bounds.length : found;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

/**
 * Returns the name that Prometheus gives to a metric of OpenTelemetry: with underscores, its unit, and `_total` for a
 * counter. (The exporter of the JavaScript SDK leaves out the unit.)
 */
export function prometheusName({ name, kind, unit }: Pick<Instrument, "name" | "kind" | "unit">): string {
  const words = name.replaceAll(".", "_");
  const withUnit = unit === "s" ? `${words}_seconds` : words;
  return kind === "counter" ? `${withUnit}_total` : withUnit;
}

export function prometheusLabel(key: AttributeKey): string {
  return attributeNames[key].replaceAll(".", "_");
}

/** Returns the lines of one metric in the text format of Prometheus. */
export function metricLines(
  name: string,
  { kind, description }: Pick<Instrument, "kind" | "description">,
  samples: Iterable<Sample>,
): readonly string[] {
  const type = kind === "total" ? "gauge" : kind;
  const lines = [`# HELP ${name} ${escaped(description)}`, `# TYPE ${name} ${type}`];
  for (const { labels, value } of samples) {
    if (typeof value === "number") lines.push(`${name}${labelText(labels)} ${value}`);
    else lines.push(...histogramLines(name, labels, value));
  }
  return lines;
}

/** Keeps the measurements of one runtime, for `/-/metrics`. */
export class PrometheusSink implements Sink {
  readonly #series = new Map<
    InstrumentKey,
    Map<string, { labels: Labels; value: number | HistogramValue }>
  >();
  readonly #limit = new ServerLimit();

  constructor() {
    for (const key of globalCounters) this.add(key, 0, {});
  }

  add(key: InstrumentKey, value: number, attributes: Attributes): void {
    const labels = labelsOf(instruments[key], this.#limit.limited(attributes));
    const series = this.#series.get(key) ?? new Map();
    this.#series.set(key, series);
    const text = labelText(labels);
    const isHistogram = instruments[key].kind === "histogram";
    const known = series.get(text) ?? { labels, value: isHistogram ? new HistogramValue(bucketBounds) : 0 };
    series.set(text, known);
    if (typeof known.value === "number") known.value += value;
    else known.value.add(value);
  }

  /** Returns the lines of all instruments; those of gauges have the values that are passed. */
  lines(gauges: readonly GaugeValue[]): readonly string[] {
    return instrumentKeys.flatMap((key) => {
      const instrument: Instrument = instruments[key];
      const samples =
        instrument.kind === "gauge" || instrument.kind === "total"
          ? gaugeSamples(key, gauges, this.#limit)
          : (this.#series.get(key)?.values() ?? []);
      return metricLines(prometheusName(instrument), instrument, samples);
    });
  }
}

function gaugeSamples(
  key: InstrumentKey,
  values: readonly GaugeValue[],
  limit: ServerLimit,
): readonly Sample[] {
  return limitedGauges(key, values, limit).map(({ attributes, value }) => ({
    labels: labelsOf(instruments[key], attributes),
    value,
  }));
}

function labelsOf({ attributes: keys }: Instrument, attributes: Attributes): Labels {
  const labels: Record<string, string> = {};
  for (const key of keys) {
    const value = attributes[key];
    if (value !== undefined) labels[prometheusLabel(key)] = value;
  }
  return labels;
}

function histogramLines(name: string, labels: Labels, { bounds, counts, sum }: HistogramValue): string[] {
  let count = 0;
  const buckets = [...bounds.map(String), "+Inf"].map((le, index) => {
    count += counts[index] ?? 0;
    return `${name}_bucket${labelText({ ...labels, le })} ${count}`;
  });
  const text = labelText(labels);
  return [...buckets, `${name}_sum${text} ${sum}`, `${name}_count${text} ${count}`];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join()}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
