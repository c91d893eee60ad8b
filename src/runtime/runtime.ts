import { isDeepStrictEqual } from "node:util";
import { urlsOf } from "../config/build-config.js";
import type { ConfigSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import { closestServer } from "../http/closest-server.js";
import { ConcurrencyLimit } from "../lib/concurrency-limit.js";
import { version } from "../lib/version.js";
import { requiredNames } from "./check-options.js";
import type { ConfigReloadedEvent } from "./events.js";
import { stopGrace } from "./live-server.js";
import { type McpAuthWithInternals, serverUrls } from "./manager-internals.js";
import type { McpAuth, StartOptions } from "./mcp-auth.js";
import { createRuntimeContext, type RuntimeContext, type RuntimeDependencies } from "./runtime-context.js";
import { ServerTokenManager } from "./server-token-manager.js";
import { isSameEntry } from "./spec-changes.js";
import type { TokenManager } from "./token-manager.js";
import { removedServer, unknownServer } from "./unknown-server.js";

/** The number of first tokens that are requested at once. More would be a burst for the authorization server. */
const maxConcurrentStarts = 16;

/** Reads the config again, from the file of the current one or from the object that `createMcpAuth` got. */
type Load = (current: ConfigSpec) => Promise<ConfigSpec>;

type Changes = Omit<ConfigReloadedEvent, "durationMs">;

/** The managers of the current config. A reload replaces the config. */
export class Runtime<Name extends string> implements McpAuth<Name>, McpAuthWithInternals {
  readonly name = "mcp-auth-runtime";
  readonly version = version;
  readonly on: McpAuth<Name>["on"];
  readonly #dependencies: RuntimeDependencies;
  readonly #load: Load;
  readonly #managers = new Map<string, ServerTokenManager>();
  /** Managers of removed servers. They work again if a reload adds their server again. */
  readonly #removed = new Map<string, WeakRef<ServerTokenManager>>();
  /** Replaced contexts, which calls in flight may still use. */
  #retired: WeakRef<RuntimeContext>[] = [];
  readonly #starting = new ConcurrencyLimit(maxConcurrentStarts);
  #spec: ConfigSpec;
  #context: RuntimeContext;
  #servers: readonly Name[];
  /** The `require` option of `start()`. */
  #required: ReadonlySet<string> | undefined;
  #reloads: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(spec: ConfigSpec, dependencies: RuntimeDependencies, load: Load) {
    this.#dependencies = dependencies;
    this.#load = load;
    this.on = (event, listener) => dependencies.events.on(event, listener);
    this.#spec = spec;
    this.#context = createRuntimeContext(dependencies, spec);
    this.#servers = namesOf(spec);
    for (const [name, entry] of spec.servers) {
      this.#managers.set(name, new ServerTokenManager(name, { entry, runtime: this.#context }));
    }
  }

  get servers(): readonly Name[] {
    return this.#servers;
  }

  get [serverUrls](): ReadonlyMap<string, string> {
    return urlsOf(this.#spec);
  }

  has(name: string): name is Name {
    return this.#spec.servers.has(name);
  }

  resolve(name: Name): TokenManager {
    this.#assertRunning();
    const manager = this.has(name) ? this.#managers.get(name) : undefined;
    if (manager === undefined) throw unknownServer(name, this.servers);
    return manager;
  }

  resolveUrl(url: string | URL): TokenManager | undefined {
    // JavaScript can pass any value, and test runners have their own `URL` class.
    const text: unknown = typeof url === "object" && url !== null ? url.href : url;
    if (typeof text !== "string" || !URL.canParse(text)) return undefined;
    return closestServer(new URL(text), this.#currentManagers());
  }

  async start(options: StartOptions<Name> = {}): Promise<readonly McpAuthError[]> {
    this.#assertRunning();
    const required = requiredNames(options);
    for (const name of required) if (!this.has(name)) throw unknownServer(name, this.servers);
    this.#required = required;
    const outcomes = await Promise.all(
      this.#currentManagers().map(async (manager) => ({
        name: manager.name,
        failure: await this.#startManager(manager, required),
      })),
    );
    const failures = outcomes.filter((outcome) => outcome.failure !== undefined);
    const fatal = failures.find((outcome) => required.has(outcome.name));
    if (fatal?.failure !== undefined) throw fatal.failure;
    return failures.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  }

  /** Starts one server. Its failures are reported as events. */
  startOne(name: Name): void {
    this.#startInBackground([name], new Set());
  }

  async reload(): Promise<void> {
    // One after the other, so that the last call reads the file last.
    const reloaded = this.#reloads.then(() => this.#reload());
    // This caller gets the error. The next reload only waits for the end of this one.
    this.#reloads = reloaded.catch(() => {});
    await reloaded;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  status(): ReturnType<McpAuth<Name>["status"]> {
    return this.#currentManagers().map((manager) => manager.status());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    const { clock } = this.#dependencies;
    const startedAt = clock.now();
    const removed = [...this.#removed.values()].flatMap((reference) => reference.deref() ?? []);
    await Promise.all([...this.#managers.values(), ...removed].map((manager) => manager.stop()));
    this.#context.metadata.close();
    const retired = this.#retired.flatMap((reference) => reference.deref() ?? []);
    for (const { metadata } of retired) metadata.close();
    const stores = new Set([this.#context, ...retired].map(({ store }) => store));
    // The grace period covers both. Requests in flight may have used it up.
    const remaining = Math.min(Math.max(startedAt + stopGrace - clock.now(), 0), stopGrace);
    await Promise.all([...stores].map((store) => store?.close(remaining)));
    await this.#context.network.close();
  }

  async #reload(): Promise<void> {
    this.#assertRunning();
    const { clock, events } = this.#dependencies;
    const startedAt = clock.now();
    const spec = await this.#load(this.#spec);
    this.#assertRunning();
    const changes = this.#swap(spec);
    events.emit("config:reloaded", { ...changes, durationMs: clock.now() - startedAt });
    const { added, changed } = changes;
    if (this.#required !== undefined) this.#startInBackground([...added, ...changed], this.#required);
  }

  /** Replaces the config synchronously, so that no call sees a part of it. */
  #swap(spec: ConfigSpec): Changes {
    const previous = this.#spec;
    const keepsContext =
      isDeepStrictEqual(previous.network, spec.network) &&
      isDeepStrictEqual([previous.store, previous.commands], [spec.store, spec.commands]);
    const { network } = this.#context;
    const kept = keepsStore(this.#dependencies, previous, spec) ? this.#context : undefined;
    const context = keepsContext ? this.#context : createRuntimeContext(this.#dependencies, spec, kept);
    const removed = [...previous.servers.keys()].filter((name) => !spec.servers.has(name));
    const [added, changed]: [string[], string[]] = [[], []];
    for (const [name, reference] of this.#removed) {
      if (reference.deref() === undefined) this.#removed.delete(name);
    }
    for (const name of removed) this.#remove(name, context);
    for (const [name, entry] of spec.servers) {
      const known = previous.servers.get(name);
      const isSame = known !== undefined && isSameEntry(known, entry);
      if (isSame && (keepsContext || "failure" in entry)) continue;
      (known === undefined ? added : changed).push(name);
      const manager = this.#managers.get(name) ?? this.#removed.get(name)?.deref();
      manager?.replaceWith({ entry, runtime: context });
      this.#managers.set(name, manager ?? new ServerTokenManager(name, { entry, runtime: context }));
      this.#removed.delete(name);
    }
    if (!keepsContext) {
      network.retire();
      const stillUsed = this.#retired.filter((reference) => reference.deref() !== undefined);
      this.#retired = [...stillUsed, new WeakRef(this.#context)];
    }
    this.#spec = spec;
    this.#context = context;
    this.#servers = namesOf(spec);
    return {
      added: Object.freeze(added),
      changed: Object.freeze(changed),
      removed: Object.freeze(removed),
    };
  }

  #remove(name: string, context: RuntimeContext): void {
    const manager = this.#managers.get(name);
    if (manager === undefined) return;
    manager.replaceWith({ entry: { name, failure: removedServer(name) }, runtime: context });
    this.#managers.delete(name);
    this.#removed.set(name, new WeakRef(manager));
  }

  /** Starts servers in the background. Failures are reported as events. */
  #startInBackground(names: readonly string[], required: ReadonlySet<string>): void {
    for (const name of names) {
      const manager = this.#managers.get(name);
      if (manager !== undefined) this.#startManager(manager, required).catch(ignoreFailureInBackground);
    }
  }

  /** Starts one manager when it is its turn. Returns its failure, if any. */
  #startManager(
    manager: ServerTokenManager,
    required: ReadonlySet<string>,
  ): Promise<McpAuthError | undefined> {
    return this.#starting.run(() => startFailure(manager, required.has(manager.name)));
  }

  /** Returns the managers of the current config, in its order. */
  #currentManagers(): readonly ServerTokenManager[] {
    return this.#servers.flatMap((name) => this.#managers.get(name) ?? []);
  }

  #assertRunning(): void {
    if (this.#stopped === undefined) return;
    throw new McpAuthError("stopped", "This runtime was stopped. Create another one with createMcpAuth().");
  }
}

/** Whether a store can be kept after a reload, with its connections and pending writes. */
function keepsStore({ ownStore }: RuntimeDependencies, previous: ConfigSpec, next: ConfigSpec): boolean {
  if (ownStore !== undefined) return true;
  const { store, network, commands } = previous;
  return isDeepStrictEqual([store, network.ca, commands], [next.store, next.network.ca, next.commands]);
}

function namesOf<Name extends string>(spec: ConfigSpec): readonly Name[] {
  // The names come from the same config that `Name` was inferred from; for a file, and after a reload, it is `string`.
  return Object.freeze([...spec.servers.keys()] as Name[]);
}

/** Starts one manager and waits for its first token. Returns its failure, if any. */
async function startFailure(
  manager: ServerTokenManager,
  required: boolean,
): Promise<McpAuthError | undefined> {
  try {
    await manager.start(required);
    return undefined;
  } catch (error) {
    if (error instanceof McpAuthError) return error;
    throw error;
  }
}
