import type {
  Context,
  ContextManager,
  MeterProvider,
  Span,
  SpanContext,
  TracerProvider,
} from "@opentelemetry/api";
import type { Attributes, InstrumentKey } from "./instruments.js";

// An SDK of OpenTelemetry registers itself in this object, and every copy of `@opentelemetry/api` 1.x that a process has
// looks there. So do we, instead of importing one more copy: it costs nothing without an SDK, it needs no file, and it
// works if this package is part of a bundle, runs with `npx`, or lies where it could not find the API of the program.
const apiKey = Symbol.for("opentelemetry.js.api.1");

// Where every copy of the API keeps the active span in a context.
const spanKey = Symbol.for("OpenTelemetry Context Key SPAN");

/** What an SDK has registered. Each part may be missing. */
export interface RegisteredApi {
  readonly trace?: TracerProvider | undefined;
  readonly metrics?: MeterProvider | undefined;
  readonly context?: ContextManager | undefined;
}

/** Records for OpenTelemetry. Nothing here throws or rejects because of OpenTelemetry. */
export interface OpenTelemetryRecorder {
  add(key: InstrumentKey, value: number, attributes: Attributes): void;
  /** Runs an acquisition in a span, which is active during it. */
  inSpan<T>(options: AcquisitionSpan, work: () => Promise<T>): Promise<T>;
}

export interface AcquisitionSpan {
  readonly attributes: Attributes;
  /** It has no caller, so its span is the root of a trace. */
  readonly isBackground: boolean;
  /** The active span when the background renewal was started. */
  readonly cause: Span | undefined;
  /** Called when the span has begun. */
  readonly onStart: (span: SpanContext) => void;
  /** Returns our code for an error, `_OTHER` for any other error, `undefined` for what is no failure. */
  readonly codeOf: (error: unknown) => string | undefined;
  /** Whether the token came from the store. */
  readonly isShared: (token: unknown) => boolean;
}

/** Returns what an SDK has registered, `undefined` if there is none. It is cheap, and never throws. */
export function registeredApi(): RegisteredApi | undefined {
  // Without `safely`: this happens for each acquisition.
  try {
    // Only this symbol leads to the object, and its content is checked where it is used.
    const api = (globalThis as { readonly [apiKey]?: RegisteredApi })[apiKey];
    return api?.trace === undefined && api?.metrics === undefined ? undefined : api;
  } catch {
    return undefined;
  }
}

/** Returns the active span, `undefined` if there is none. */
export function activeSpan(): Span | undefined {
  // Every copy of the API keeps spans under this key, and nothing else.
  return safely(() => registeredApi()?.context?.active().getValue(spanKey) as Span | undefined);
}

/** Calls code of the SDK. What it throws must not fail a call that only needs a token. */
export function safely<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** Returns the context with this active span. */
export function withSpan(context: Context, span: Span): Context {
  return context.setValue(spanKey, span);
}
