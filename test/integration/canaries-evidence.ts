// Records everything that the package outputs, so that tests can search it for canaries.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { format, inspect } from "node:util";
import { type Tracer, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { expect } from "vitest";
import { type Logger, type McpAuth, McpAuthError, type McpAuthEventName } from "../../src/index.js";
import type { Canaries, CanaryMatch } from "../support/canaries.js";
import { registerOpenTelemetry } from "../support/open-telemetry.js";

export const eventNames = [
  "token:issued",
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

/** The recorded texts, and where each was seen. */
export class Evidence {
  readonly #texts = new Map<string, string>();
  /** The `details` of errors, which may contain text of servers but no credential. */
  readonly #details = new Set<string>();
  readonly #examined = new Set<string>();

  /** Number of recorded characters. */
  get length(): number {
    return [...this.#texts.keys()].reduce((sum, text) => sum + text.length, 0);
  }

  add(where: string, text: string): void {
    if (text.length > 0 && !this.#texts.has(text)) this.#texts.set(text, where);
  }

  /** Records what a command printed on stderr: messages, and below them a line for each detail of the error. */
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

  /** Records a value in every way in which code can look at it from outside. */
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

  /** Number of different `details` so far. */
  get details(): number {
    return this.#details.size;
  }

  /** Returns the canaries in the details of errors, except text of servers, which belongs there. */
  credentialsInDetails(canaries: Canaries): readonly CanaryMatch[] {
    const allowed = /^text of a (?:bad response|server)$/;
    return [...this.#details].flatMap((text) =>
      canaries.find(text).filter(({ label }) => !allowed.test(label)),
    );
  }

  /** Returns the canaries in the recorded texts, each once. */
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

  /** The places that were examined so far. */
  get examined(): ReadonlySet<string> {
    return this.#examined;
  }
}

function textOf(way: () => unknown): string {
  try {
    return String(way() ?? "");
  } catch (error) {
    // The error of a failed conversion may show something, too.
    return inspect(error);
  }
}

const standardObjects: ReadonlySet<unknown> = new Set(
  [Object, Function, Array, Error, TypeError, Map, Set, Promise, URL, Headers, AbortSignal, Buffer].flatMap(
    (known): unknown[] => [known, known.prototype],
  ),
);

interface Insides {
  /** All texts reachable through own properties, including non-enumerable ones, and through non-standard prototypes. */
  readonly texts: readonly string[];
  /** The `details` of all reachable errors. */
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
      if (known.has(next) || standardObjects.has(next)) continue;
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

/** Watches every output of the package in this process until it is disposed. */
export class Watch implements AsyncDisposable {
  readonly evidence = new Evidence();
  readonly logger: Logger;
  /** A tracer whose spans are recorded, too. */
  readonly tracer: Tracer;
  readonly unhandled: unknown[] = [];
  /** All printed texts. The package itself prints nothing. */
  readonly printed: string[] = [];
  readonly #ends: (() => unknown)[] = [];
  readonly #telemetry = registerOpenTelemetry();

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

  /** Records all events of a runtime. */
  listen(auth: McpAuth<string>): void {
    for (const name of eventNames) auth.on(name, (event) => this.evidence.examine(`event ${name}`, event));
  }

  /** Examines a runtime, its status and its managers. */
  look(auth: McpAuth<string>): void {
    this.evidence.examine("McpAuth", auth);
    this.evidence.examine("status", auth.status());
    for (const name of auth.servers) this.evidence.examine(`manager ${name}`, managerOf(auth, name));
  }

  /** Returns the value or the error of some work. Examines an error. */
  async outcome<T>(where: string, work: () => Promise<T> | T): Promise<T | Error> {
    try {
      return await work();
    } catch (error) {
      this.evidence.examine(`error of ${where}`, error);
      expect(error, where).toBeInstanceOf(Error);
      // The line above asserts this type.
      return error as Error;
    }
  }

  get spans(): readonly ReadableSpan[] {
    return this.#telemetry.spans();
  }

  /** Waits for pending output and returns the canaries in everything recorded. */
  async leaks(canaries: Canaries): Promise<readonly Leak[]> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const span of this.spans) {
      const shown = inspect(facts(span), { showHidden: true, depth: Infinity, maxStringLength: Infinity });
      this.evidence.add(`span ${span.name}`, shown);
    }
    const points = await this.#telemetry.points();
    this.evidence.add("metrics", inspect(points, { depth: Infinity, maxArrayLength: Infinity }));
    return this.evidence.leaks(canaries);
  }

  /** Asserts that there are no leaks, no printed texts and no unhandled rejections. */
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
    this.#ends.push(() => this.#telemetry[Symbol.asyncDispose]());
    return trace.getTracer("test");
  }
}

/** Returns the parts of a span that an exporter sends. */
function facts({ name, attributes, events, status, links, resource }: ReadableSpan): object {
  return { name, attributes, events, status, links, resource: resource.attributes };
}

/** Returns a manager, or the error of a stopped runtime. */
function managerOf(auth: McpAuth<string>, name: string): unknown {
  try {
    return auth.resolve(name);
  } catch (error) {
    return error;
  }
}
