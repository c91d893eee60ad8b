import type { GaugeValue } from "./gauges.js";
import { type Attributes, type InstrumentKey, renewalReasons } from "./instruments.js";
import { type OpenTelemetryRecorder, registeredApi } from "./open-telemetry.js";

/** Takes measurements. It must not throw. */
export interface Sink {
  add(key: InstrumentKey, value: number, attributes: Attributes): void;
}

/**
 * Adds 0 to the counters of a server. Prometheus sees no increase in a series that begins with 1. Series with a code are
 * too many, so queries have to look for their first value.
 */
export function addZeros(sink: Sink, attributes: Attributes): void {
  for (const reason of renewalReasons) sink.add("renewals", 0, { ...attributes, reason });
  for (const credential of ["secret", "key"]) sink.add("credentialChanges", 0, { ...attributes, credential });
  sink.add("rejections", 0, attributes);
}

/**
 * The measurements of one runtime. They go to the metrics of the proxy, if there is one, and to OpenTelemetry if its SDK
 * has registered itself in this process. Otherwise nothing is measured.
 */
export class Measurements {
  readonly #sinks = new Set<Sink>();
  /** The attributes of the servers that were used so far. */
  readonly #servers = new Map<string, Attributes>();
  /** Returns the current values of the gauges. Set by the runtime. */
  gauges: () => readonly GaugeValue[] = () => [];
  /** Those of them that are not of a server. Set by the runtime. */
  commonGauges: () => readonly GaugeValue[] = () => [];
  #recorder: OpenTelemetryRecorder | undefined;
  #loading: Promise<OpenTelemetryRecorder | undefined> | undefined;

  /** Whether anything takes measurements now. */
  get isObserved(): boolean {
    return this.#sinks.size > 0 || registeredApi() !== undefined;
  }

  /** Notes the attributes of a server that is used. */
  noteServer(server: string, attributes: Attributes): void {
    const isNew = !this.#servers.has(server);
    this.#servers.set(server, attributes);
    if (isNew && this.isObserved) addZeros(this, attributes);
  }

  /** The config no longer has the server. */
  forgetServer(server: string): void {
    this.#servers.delete(server);
  }

  attributesOf(server: string): Attributes | undefined {
    return this.#servers.get(server);
  }

  /** Returns the function that removes the sink. */
  subscribe(sink: Sink): () => void {
    this.#sinks.add(sink);
    for (const attributes of this.#servers.values()) addZeros(sink, attributes);
    return () => void this.#sinks.delete(sink);
  }

  add(key: InstrumentKey, value: number, attributes: Attributes): void {
    for (const sink of this.#sinks) sink.add(key, value, attributes);
    if (registeredApi() === undefined) return;
    if (this.#recorder !== undefined) this.#recorder.add(key, value, attributes);
    else void this.openTelemetry().then((recorder) => recorder?.add(key, value, attributes));
  }

  /**
   * Returns what records for OpenTelemetry, `undefined` if no SDK is registered. Looks anew at each call, because an SDK
   * may be registered late. Never rejects.
   */
  async openTelemetry(): Promise<OpenTelemetryRecorder | undefined> {
    if (registeredApi() === undefined) return undefined;
    this.#loading ??= import("./open-telemetry-recorder.js").then(
      ({ recorder }) => {
        recorder.watch(this);
        this.#recorder = recorder;
        return recorder;
      },
      // Its file is missing or cannot be read. A call must not fail because of it.
      () => undefined,
    );
    return await this.#loading;
  }
}
