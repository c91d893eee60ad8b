// Everything that came out of the package while something was watching.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { format, inspect } from "node:util";
import type { Tracer } from "@opentelemetry/api";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { expect } from "vitest";
import { type Logger, type McpAuth, McpAuthError, type McpAuthEventName } from "../../src/index.js";
import type { Canaries, CanaryMatch } from "../support/canaries.js";

export const eventNames = [
  "token:renewed",
  "token:warning",
  "token:failed",
  "token:rejected",
  "token:cooldown",
  "store:down",
  "secret:changed",
  "key:rotated",
  "config:reloaded",
] as const satisfies readonly McpAuthEventName[];

export interface Leak extends CanaryMatch {
  readonly where: readonly string[];
}

/** Texts by where they were seen. */
export class Evidence {
  readonly #texts = new Map<string, string>();
  /** What servers said, as errors tell those who ask: in it may be their words, but no credential. */
  readonly #details = new Set<string>();
  readonly #examined = new Set<string>();

  /** How many characters there are to search. */
  get length(): number {
    return [...this.#texts.keys()].reduce((sum, text) => sum + text.length, 0);
  }

  add(where: string, text: string): void {
    if (text.length > 0 && !this.#texts.has(text)) this.#texts.set(text, where);
  }

  /** What a command printed beside its result: below a message it tells what servers said, a line for each thing. */
  addTalk(where: string, text: string): void {
    const isDetail = (line: string) => /^ {2}[\w-]+: /.test(line);
    for (const line of text.split("\n").filter(isDetail)) this.#details.add(line);
    this.add(
      where,
      text
        .split("\n")
        .filter((line) => !isDetail(line))
        .join("\n"),
    );
  }

  /** A value, by every way there is to look at one from outside. */
  examine(where: string, value: unknown): void {
    this.#examined.add(where);
    const show = (options: object) =>
      inspect(value, { showHidden: true, depth: Infinity, getters: false, ...options });
    const whole = { maxArrayLength: Infinity, maxStringLength: Infinity };
    this.add(`inspect of ${where}`, show(whole));
    this.add(`inspect of ${where} without its own`, show({ ...whole, customInspect: false }));
    const ways: Readonly<Record<string, () => unknown>> = {
      String: () => String(value),
      template: () => `${value}`,
      JSON: () => JSON.stringify(value),
      format: () => format("%s", value),
      structuredClone: () => inspect(structuredClone(value), { showHidden: true, depth: Infinity }),
    };
    for (const [name, way] of Object.entries(ways)) this.add(`${name} of ${where}`, textOf(way));
    const { texts, details } = insides(value);
    for (const text of texts) this.add(`inside of ${where}`, text);
    for (const text of details) this.#details.add(text);
  }

  /** How many errors told what servers said. */
  get details(): number {
    return this.#details.size;
  }

  /** What of the canaries is in the details of errors, but for what servers are to say. */
  credentialsInDetails(canaries: Canaries): readonly CanaryMatch[] {
    const said = /^what a (?:bad answer says|server said)$/;
    return [...this.#details].flatMap((text) => canaries.find(text).filter(({ label }) => !said.test(label)));
  }

  /** What of the canaries is in it, each thing once. */
  leaks(canaries: Canaries): readonly Leak[] {
    const leaks = new Map<string, Leak & { where: string[] }>();
    for (const [text, where] of this.#texts) {
      for (const find of canaries.find(text)) {
        const leak = leaks.get(`${find.label} ${find.piece}`) ?? { ...find, where: [] };
        leaks.set(`${find.label} ${find.piece}`, leak);
        if (!leak.where.includes(where)) leak.where.push(where);
      }
    }
    return [...leaks.values()];
  }

  /** What was looked at so far. */
  get examined(): ReadonlySet<string> {
    return this.#examined;
  }
}

function textOf(way: () => unknown): string {
  try {
    return String(way() ?? "");
  } catch (error) {
    // What cannot be shown so says why, and that may show something, too.
    return inspect(error);
  }
}

const builtIn: ReadonlySet<unknown> = new Set(
  [Object, Function, Array, Error, TypeError, Map, Set, Promise, URL, Headers, AbortSignal, Buffer].flatMap(
    (known): unknown[] => [known, known.prototype],
  ),
);

interface Insides {
  /** Every text that can be reached through own properties, those that hide included, and through prototypes of ours. */
  readonly texts: readonly string[];
  /** The details of the errors among what was reached. */
  readonly details: readonly string[];
}

function insides(value: unknown): Insides {
  const texts: string[] = [];
  const details: string[] = [];
  const known = new Set<unknown>();
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === "string") texts.push(next);
    else if (typeof next === "symbol") texts.push(String(next));
    else if ((typeof next === "object" && next !== null) || typeof next === "function") {
      if (known.has(next) || builtIn.has(next)) continue;
      known.add(next);
      if (next instanceof McpAuthError && next.details !== undefined)
        details.push(JSON.stringify(next.details));
      waiting.push(...partsOf(next));
    }
  }
  return { texts, details };
}

function partsOf(value: object): unknown[] {
  const keys = Reflect.ownKeys(value);
  const own = keys.map((key) => Object.getOwnPropertyDescriptor(value, key));
  const functions = own.flatMap((descriptor) => [descriptor?.get, descriptor?.set]);
  const bytes = ArrayBuffer.isView(value)
    ? [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1")]
    : [];
  const members = value instanceof Map || value instanceof Set ? [...value.keys(), ...value.values()] : [];
  const source = typeof value === "function" ? [Function.prototype.toString.call(value)] : [];
  const values = own.map((descriptor): unknown => descriptor?.value);
  return [...keys, ...values, ...functions, ...bytes, ...members, ...source, Object.getPrototypeOf(value)];
}

/** Watches this process until it is disposed of: all that the package could let something out by. */
export class Watch implements AsyncDisposable {
  readonly evidence = new Evidence();
  readonly logger: Logger;
  /** Its spans are watched, too. */
  readonly tracer: Tracer;
  readonly unhandled: unknown[] = [];
  /** What was printed: the package itself prints nothing. */
  readonly printed: string[] = [];
  readonly #ends: (() => unknown)[] = [];
  readonly #exporter = new InMemorySpanExporter();

  constructor() {
    const line = (level: keyof Logger) => (fields: object, message: string) =>
      this.evidence.examine(`log ${level}`, { fields, message });
    this.logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    for (const name of eventNames) {
      const subscriber = (message: unknown) => this.evidence.examine(`channel ${name}`, message);
      subscribe(`mcp-auth:${name}`, subscriber);
      this.#ends.push(() => unsubscribe(`mcp-auth:${name}`, subscriber));
    }
    this.#watchProcess();
    this.#watchOutput();
    this.tracer = this.#trace();
  }

  /** Listens to all events of a runtime, and looks at it. */
  listen(auth: McpAuth<string>): void {
    for (const name of eventNames) auth.on(name, (event) => this.evidence.examine(`event ${name}`, event));
  }

  /** The runtime and all that can be had of it without waiting. */
  look(auth: McpAuth<string>): void {
    this.evidence.examine("McpAuth", auth);
    this.evidence.examine("status", auth.status());
    for (const name of auth.servers) this.evidence.examine(`manager ${name}`, managerOf(auth, name));
  }

  /** Gives the value, or the error, which is looked at. */
  async outcome<T>(where: string, work: () => Promise<T> | T): Promise<T | Error> {
    try {
      return await work();
    } catch (error) {
      this.evidence.examine(`error of ${where}`, error);
      expect(error, where).toBeInstanceOf(Error);
      // The line above has made sure of it.
      return error as Error;
    }
  }

  get spans(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** What of the canaries came out, after what is left to come has come. */
  async leaks(canaries: Canaries): Promise<readonly Leak[]> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const span of this.spans) {
      const shown = inspect(facts(span), { showHidden: true, depth: Infinity, maxStringLength: Infinity });
      this.evidence.add(`span ${span.name}`, shown);
    }
    return this.evidence.leaks(canaries);
  }

  /** Asserts that nothing did, that nothing was printed, and that no rejection went unhandled. */
  async assertClean(canaries: Canaries): Promise<void> {
    expect(await this.leaks(canaries)).toEqual([]);
    expect(this.evidence.credentialsInDetails(canaries)).toEqual([]);
    expect(this.printed).toEqual([]);
    expect(this.unhandled).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
  }

  #watchProcess(): void {
    const warning = (error: Error) => this.evidence.examine("process warning", error);
    const rejection = (reason: unknown) => {
      this.unhandled.push(reason);
      this.evidence.examine("unhandled rejection", reason);
    };
    process.on("warning", warning);
    process.on("unhandledRejection", rejection);
    this.#ends.push(() => process.off("warning", warning).off("unhandledRejection", rejection));
  }

  #watchOutput(): void {
    for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir"] as const) {
      const original = console[name];
      console[name] = (...values: unknown[]) => this.#print(format(...values));
      this.#ends.push(() => {
        console[name] = original;
      });
    }
    for (const stream of [process.stdout, process.stderr]) {
      const original = stream.write;
      stream.write = (chunk: Uint8Array | string) => {
        this.#print(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
        return true;
      };
      this.#ends.push(() => {
        stream.write = original;
      });
    }
  }

  #print(text: string): void {
    this.printed.push(text);
    this.evidence.add("output", text);
  }

  #trace(): Tracer {
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] });
    const instrumentations = [new UndiciInstrumentation()];
    this.#ends.push(
      () => provider.shutdown(),
      registerInstrumentations({ tracerProvider: provider, instrumentations }),
    );
    return provider.getTracer("test");
  }
}

/** What an exporter sends on. */
function facts({ name, attributes, events, status, links, resource }: ReadableSpan): object {
  return { name, attributes, events, status, links, resource: resource.attributes };
}

/** A runtime that was stopped gives none. */
function managerOf(auth: McpAuth<string>, name: string): unknown {
  try {
    return auth.resolve(name);
  } catch (error) {
    return error;
  }
}
