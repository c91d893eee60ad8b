import { isDeepStrictEqual } from "node:util";
import { urlsOf } from "../config/build-config.js";
import type { ConfigSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import { ServerIndex } from "../http/server-index.js";
import { ConcurrencyLimit } from "../lib/concurrency-limit.js";
import { version } from "../lib/version.js";
import { gaugesOf, storeGauges } from "../telemetry/gauges.js";
import { stoppedError } from "../tokens/cache-errors.js";
import { requiredNames } from "./check-options.js";
import type { ConfigReloadedEvent } from "./events.js";
import { stopGrace } from "./live-server.js";
import {
  type McpAuthWithInternals,
  type ProxyInternals,
  proxyInternals,
  serverUrls,
} from "./manager-internals.js";
import type { McpAuth, StartOptions } from "./mcp-auth.js";
import { createRuntimeContext, type RuntimeContext, type RuntimeDependencies } from "./runtime-context.js";
import { ServerTokenManager } from "./server-token-manager.js";
import { sameServers } from "./spec-changes.js";
import type { TokenManager, TokenManagerStatus } from "./token-manager.js";
import { removedServer, unknownServer } from "./unknown-server.js";
import { unusableStatus } from "./unusable-server.js";

/** The number of first tokens that are requested at once. More would be a burst for the authorization server. */
const maxConcurrentStarts = 16;

/** Reads the config again, from the file of the current one or from the object that `createMcpAuth` got. */
type Load = (current: ConfigSpec) => Promise<ConfigSpec>;

type Changes = Omit<ConfigReloadedEvent, "durationMs">;

/**
 * The managers of the current config. A reload replaces the config. The manager of a server is created when the server
 * is first resolved or started.
 */
export class Runtime<Name extends string> implements McpAuth<Name>, McpAuthWithInternals {
  readonly name = "mcp-auth-runtime";
  readonly version = version;
  readonly on: McpAuth<Name>["on"];
  readonly #dependencies: RuntimeDependencies;
  readonly #load: Load;
  /** The managers that were needed so far. */
  readonly #managers = new Map<string, ServerTokenManager>();
  /** Managers of removed servers. They work again if a reload adds their server again. */
  readonly #removed = new Map<string, WeakRef<ServerTokenManager>>();
  /** Replaced contexts, which calls in flight may still use. */
  #retired: WeakRef<RuntimeContext>[] = [];
  readonly #starting = new ConcurrencyLimit(maxConcurrentStarts);
  #spec: ConfigSpec;
  #context: RuntimeContext;
  /** The servers that can be used, by URL. Created when the first URL is resolved. */
  #index: ServerIndex<{ readonly name: string; readonly address: URL }> | undefined;
  /** The `require` option of `start()`. */
  #required: ReadonlySet<string> | undefined;
  #reloads: Promise<unknown> = Promise.resolve();
  #isStopped = false;
  readonly #stopListeners: (() => void)[] = [];
  #stopped: Promise<void> | undefined;

  constructor(spec: ConfigSpec, dependencies: RuntimeDependencies, load: Load) {
    this.#dependencies = dependencies;
    this.#load = load;
    this.on = (event, listener) => dependencies.events.on(event, listener);
    this.#spec = spec;
    this.#context = createRuntimeContext(dependencies, spec);
    const { events, clock } = dependencies;
    const { measurements } = events;
    measurements.commonGauges = () => storeGauges(this.#context.store);
    measurements.gauges = () =>
      this.#isStopped
        ? []
        : [
            ...gaugesOf(this.status(), (name) => measurements.attributesOf(name), clock.now()),
            ...measurements.commonGauges(),
          ];
  }

  get servers(): readonly Name[] {
    // The names come from the same config that `Name` was inferred from; for a file, and after a reload, it is `string`.
    return this.#spec.servers.names as readonly Name[];
  }

  get [serverUrls](): ReadonlyMap<string, string> {
    return urlsOf(this.#spec);
  }

  get [proxyInternals](): ProxyInternals {
    const { proxy: settings, file } = this.#spec;
    const { env } = this.#dependencies;
    const readToken = async () => {
      if (settings.token === undefined) return undefined;
      const { readSecret } = await import("../secrets/read-secret.js");
      // Messages name the proxy in place of a server.
      return await readSecret(settings.token, { ...this.#context, server: "(proxy)" });
    };
    const mayUse = async (path: string) => (await this.#context.permissions?.allow?.file(path)) !== false;
    const onStop = (listener: () => void) => {
      if (this.#isStopped) listener();
      else this.#stopListeners.push(listener);
    };
    const store = () => {
      const { store: current } = this.#context;
      return current && { ...(current.failure && { failure: current.failure.message }) };
    };
    const { clock, events } = this.#dependencies;
    const { measurements } = events;
    return { settings, file, env, now: () => clock.now(), mayUse, readToken, store, measurements, onStop };
  }

  has(name: string): name is Name {
    return this.#spec.servers.has(name);
  }

  resolve(name: Name): TokenManager {
    this.#assertRunning();
    const manager = this.#manager(name);
    if (manager === undefined) throw unknownServer(name, this.servers);
    return manager;
  }

  resolveUrl(url: string | URL): TokenManager | undefined {
    // JavaScript can pass any value, and test runners have their own `URL` class.
    const text: unknown = typeof url === "object" && url !== null ? url.href : url;
    if (typeof text !== "string" || !URL.canParse(text)) return undefined;
    this.#index ??= indexOf(this.#spec);
    const server = this.#index.closest(new URL(text));
    return server && this.#manager(server.name);
  }

  async start(options: StartOptions<Name> = {}): Promise<readonly McpAuthError[]> {
    this.#assertRunning();
    const required = requiredNames(options);
    for (const name of required) if (!this.has(name)) throw unknownServer(name, this.servers);
    this.#required = required;
    const outcomes = await Promise.all(
      this.servers.map(async (name) => ({ name, failure: await this.#startManager(name, required) })),
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

  status(): readonly TokenManagerStatus[] {
    return this.servers.map((name) => this.#managers.get(name)?.status() ?? this.#statusOfUnused(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    for (const listener of this.#stopListeners.splice(0)) listener();
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
    const removed = previous.servers.names.filter((name) => !spec.servers.has(name));
    spec.servers.succeed(previous.servers);
    const isSame = sameServers(previous.servers, spec.servers);
    const [added, changed]: [string[], string[]] = [[], []];
    for (const [name, reference] of this.#removed) {
      if (reference.deref() === undefined) this.#removed.delete(name);
    }
    for (const name of removed) this.#remove(name, context);
    for (const name of spec.servers.names) {
      if (isSame(name) && (keepsContext || !spec.servers.isUsable(name))) continue;
      (previous.servers.has(name) ? changed : added).push(name);
      const manager = this.#managers.get(name) ?? this.#removed.get(name)?.deref();
      const entry = manager && spec.servers.get(name);
      if (manager === undefined || entry === undefined) continue;
      manager.replaceWith({ entry, runtime: context });
      this.#managers.set(name, manager);
      this.#removed.delete(name);
    }
    if (!keepsContext) {
      network.retire();
      const stillUsed = this.#retired.filter((reference) => reference.deref() !== undefined);
      this.#retired = [...stillUsed, new WeakRef(this.#context)];
    }
    this.#spec = spec;
    this.#context = context;
    this.#index = undefined;
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
    this.#dependencies.events.measurements.forgetServer(name);
    this.#removed.set(name, new WeakRef(manager));
  }

  /** Starts servers in the background. Failures are reported as events. */
  #startInBackground(names: readonly string[], required: ReadonlySet<string>): void {
    for (const name of names) this.#startManager(name, required).catch(ignoreFailureInBackground);
  }

  /** Starts one server when it is its turn. Returns its failure, if any. */
  #startManager(name: string, required: ReadonlySet<string>): Promise<McpAuthError | undefined> {
    return this.#starting.run(async () => {
      const { servers } = this.#spec;
      const isNew = !this.#managers.has(name);
      // After `stop()`, no manager is created only to fail.
      if (this.#isStopped && isNew && servers.isUsable(name)) return stoppedError(name);
      const manager = this.#manager(name);
      // A reload may have removed the server.
      return manager === undefined ? removedServer(name) : await startFailure(manager, required.has(name));
    });
  }

  /** Returns the manager of a server, `undefined` if the current config has none with this name. */
  #manager(name: string): ServerTokenManager | undefined {
    const known = this.#managers.get(name);
    if (known !== undefined) return known;
    const entry = this.#spec.servers.get(name);
    if (entry === undefined) return undefined;
    const manager = new ServerTokenManager(name, { entry, runtime: this.#context });
    if (this.#isStopped) void manager.stop();
    this.#managers.set(name, manager);
    return manager;
  }

  /** Returns the status of a server that has no manager. */
  #statusOfUnused(name: string): TokenManagerStatus {
    const entry = this.#spec.servers.isUsable(name) ? undefined : this.#spec.servers.get(name);
    if (entry !== undefined && "failure" in entry) return unusableStatus(name, entry.failure);
    return { server: name, state: this.#isStopped ? "stopped" : "none" };
  }

  #assertRunning(): void {
    if (!this.#isStopped) return;
    throw new McpAuthError("stopped", "This runtime was stopped. Create another one with createMcpAuth().");
  }
}

/** Whether a store can be kept after a reload, with its connections and pending writes. */
function keepsStore({ ownStore }: RuntimeDependencies, previous: ConfigSpec, next: ConfigSpec): boolean {
  if (ownStore !== undefined) return true;
  const { store, network, commands } = previous;
  return isDeepStrictEqual([store, network.ca, commands], [next.store, next.network.ca, next.commands]);
}

function indexOf({ servers }: ConfigSpec): ServerIndex<{ readonly name: string; readonly address: URL }> {
  const index = new ServerIndex<{ readonly name: string; readonly address: URL }>();
  for (const name of servers.names) {
    const url = servers.isUsable(name) ? servers.url(name) : undefined;
    if (url !== undefined) index.add({ name, address: new URL(url) });
  }
  return index;
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
