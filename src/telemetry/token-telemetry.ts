import type { Span, SpanContext } from "@opentelemetry/api";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { type Attributes, type InstrumentKey, otherValue } from "./instruments.js";
import type { Measurements } from "./measurements.js";
import { activeSpan, safely } from "./open-telemetry.js";

/** A span that is linked with an acquisition. */
export type Cause = Span;

/** What the span of an acquisition needs of the request. */
export interface MeasuredRequest {
  readonly reason: string;
  /** The active span when a renewal in the background was started. */
  readonly cause?: Cause | undefined;
  /** Whether the error only says that no request was made. */
  readonly isWithheld: (error: unknown) => boolean;
}

/** The counted events of a token, by the name of the event. */
const counters: Readonly<Record<string, InstrumentKey>> = {
  "token:renewed": "renewals",
  "token:failed": "failures",
  "token:rejected": "rejections",
  "token:cooldown": "cooldowns",
  "store:down": "storeOutages",
  "secret:changed": "credentialChanges",
  "key:rotated": "credentialChanges",
};

/** Measures one token cache. Without an observer it costs a look at a global variable for each acquisition. */
export class TokenTelemetry {
  readonly #measurements: Measurements;
  readonly #attributes: Attributes;
  readonly #clock: Clock;
  /** The span of the latest acquisition. */
  #latest: SpanContext | undefined;

  constructor(measurements: Measurements, attributes: Attributes, clock: Clock) {
    this.#measurements = measurements;
    this.#attributes = attributes;
    this.#clock = clock;
  }

  /** Counts an event. */
  count(
    event: string,
    { reason, code }: { readonly reason: string; readonly code?: string | undefined },
  ): void {
    const key = counters[event];
    if (key === undefined) return;
    const credential = event === "key:rotated" ? "key" : "secret";
    this.#measurements.add(key, 1, { ...this.#attributes, reason, code, credential });
  }

  /** The active span of the caller, which a renewal in the background names as its cause. */
  get cause(): Cause | undefined {
    return activeSpan();
  }

  /** Whether anything takes measurements now. */
  get isObserved(): boolean {
    return this.#measurements.isObserved;
  }

  /** Runs an acquisition in its span, and measures it. Rejects as `work` does. */
  async acquire<T>(request: MeasuredRequest, work: () => Promise<T>): Promise<T> {
    const started = this.#clock.now();
    try {
      const token = await this.#inSpan(request, work);
      this.#record("acquisitions", started, undefined);
      return token;
    } catch (error) {
      if (!request.isWithheld(error)) this.#record("acquisitions", started, codeOf(error));
      throw error;
    }
  }

  /** Measures how long a caller waits for a shared result. `joins`: another caller has caused the request. */
  wait<T>(result: Promise<T>, joins: boolean): Promise<T> {
    return this.isObserved ? this.#wait(result, joins) : result;
  }

  async #inSpan<T>({ reason, cause, isWithheld }: MeasuredRequest, work: () => Promise<T>): Promise<T> {
    const recorder = await this.#measurements.openTelemetry();
    if (recorder === undefined) return await work();
    const onStart = (span: SpanContext): void => {
      this.#latest = span;
    };
    return await recorder.inSpan(
      {
        attributes: { ...this.#attributes, reason },
        isBackground: reason === "expiry" || reason === "schedule",
        cause,
        onStart,
        codeOf: (error) => (isWithheld(error) ? undefined : codeOf(error)),
        isShared,
      },
      work,
    );
  }

  async #wait<T>(result: Promise<T>, joins: boolean): Promise<T> {
    const started = this.#clock.now();
    const span = joins ? activeSpan() : undefined;
    let code: string | undefined;
    try {
      return await result;
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      this.#record("waits", started, code);
      if (span !== undefined && this.#latest !== undefined) link(span, this.#latest);
    }
  }

  #record(key: InstrumentKey, started: number, code: string | undefined): void {
    // The clock may have been set back.
    const seconds = Math.max(0, this.#clock.now() - started) / 1_000;
    this.#measurements.add(key, seconds, { ...this.#attributes, code });
  }
}

/** Adds a link to the span of a caller that waited for the request of another one. */
function link(span: Span, context: SpanContext): void {
  // An SDK of an older version has no such method.
  safely(() => span.addLink({ context }));
}

function codeOf(error: unknown): string {
  return error instanceof McpAuthError ? error.code : otherValue;
}

function isShared(token: unknown): boolean {
  return typeof token === "object" && token !== null && "isShared" in token && token.isShared === true;
}
