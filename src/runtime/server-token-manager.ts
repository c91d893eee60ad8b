import type { ServerEntry } from "../config/spec.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { AccessToken } from "../tokens/token.js";
import type { McpClientCapabilities } from "./client-capabilities.js";
import { cacheRequest, LiveServer } from "./live-server.js";
import { type ManagerInternals, type ManagerWithInternals, managerInternals } from "./manager-internals.js";
import type { RuntimeContext } from "./runtime-context.js";
import { bareToken } from "./sender-constrained.js";
import {
  assertSubject,
  assertSubjectKey,
  forgottenSubject,
  type RuntimeSubject,
  Subjects,
  unexpectedSubject,
} from "./subjects.js";
import type { HeaderOptions, TokenManager, TokenManagerStatus, TokenOptions } from "./token-manager.js";
import { UnusableServer } from "./unusable-server.js";

/** A manager for the server itself. */
interface ManagerServer {
  readonly entry: ServerEntry;
  readonly runtime: RuntimeContext;
}

/** A manager for one user of the server. */
interface ManagerUser {
  readonly parent: ServerTokenManager;
  readonly subject: () => RuntimeSubject;
}

/**
 * The manager of one server name, the same object for the lifetime of the runtime. A reload replaces the `LiveServer`
 * behind it; calls in flight still use the previous one.
 */
export class ServerTokenManager implements ManagerWithInternals {
  readonly name: string;
  readonly fetch: FetchFunction;
  #user: ManagerUser | undefined;
  /** Created by the first `for()`. */
  #subjects: Subjects<ServerTokenManager> | undefined;
  /** `undefined` for a user if a reload replaced the server and the manager was not used since. */
  #current: LiveServer | UnusableServer | undefined;
  /** Holds the tokens of a user until the manager is used again. */
  #previous: LiveServer | undefined;
  /** The subject of a user, as long as the tokens of the server stay valid. */
  #subject: { latest: () => RuntimeSubject } | undefined;
  /** Replaced servers, which calls in flight may still use. */
  #retired: WeakRef<LiveServer>[] = [];
  #stopped = false;

  constructor(name: string, origin: ManagerServer | ManagerUser) {
    this.name = name;
    this.#user = "parent" in origin ? origin : undefined;
    if ("entry" in origin) this.#current = createServer(origin, undefined);
    this.fetch = (input, init) => (this.#current ?? this.#resolveCurrent()).fetch(input, init);
  }

  get url(): string {
    return (this.#current ?? this.#resolveCurrent()).url;
  }

  get clientCapabilities(): McpClientCapabilities {
    return (this.#current ?? this.#resolveCurrent()).clientCapabilities;
  }

  get [managerInternals](): ManagerInternals {
    return (this.#current ?? this.#resolveCurrent())[managerInternals];
  }

  // The only async function of a call that finds a fresh token. `getToken` repeats it, because a second async function
  // around it doubles the cost of such a call (see `bench/`).
  async getAccessToken(options?: TokenOptions): Promise<string> {
    const server = this.#current ?? this.#resolveCurrent();
    const token =
      server.freshToken(options) ?? (await server.cacheFor(options).getToken(cacheRequest(options)));
    return token.binding === undefined ? token.accessToken : bareToken(this.name, token);
  }

  async getToken(options?: TokenOptions): Promise<AccessToken> {
    const server = this.#current ?? this.#resolveCurrent();
    return server.freshToken(options) ?? (await server.cacheFor(options).getToken(cacheRequest(options)));
  }

  getHeaders(options?: HeaderOptions): Promise<Record<string, string>> {
    return (this.#current ?? this.#resolveCurrent()).getHeaders(options);
  }

  for(subject: RuntimeSubject): TokenManager {
    if (this.#user !== undefined) return this.#user.parent.for(subject);
    const current = this.#current ?? this.#resolveCurrent();
    if (current instanceof UnusableServer) return current.fail();
    assertSubject(this.name, current.spec.grant, subject);
    const create = (latest: () => RuntimeSubject): ServerTokenManager => {
      const manager = new ServerTokenManager(this.name, { parent: this, subject: latest });
      if (this.#stopped) void manager.stop();
      return manager;
    };
    this.#subjects ??= new Subjects();
    return this.#subjects.get(subject, create, (manager) => {
      const live = manager.#current ?? manager.#previous;
      if (live instanceof LiveServer) live.credentialChanged();
    });
  }

  async forget(key: string): Promise<void> {
    if (this.#user !== undefined) return await this.#user.parent.forget(key);
    assertSubjectKey(this.name, key);
    await Promise.all((this.#subjects?.take(key) ?? []).map((manager) => manager.#end()));
    const current = this.#current ?? this.#resolveCurrent();
    if (current instanceof UnusableServer) return current.fail();
    const unexpected = unexpectedSubject(this.name, current.spec.grant);
    if (unexpected !== undefined) throw unexpected;
    // The store comes last: what was in flight may still have written to it.
    await current.forgetStored(key);
  }

  status(): TokenManagerStatus {
    return (this.#current ?? this.#resolveCurrent()).status();
  }

  /** Starts the schedule, and waits for a first token if the server is renewed automatically or `required`. */
  async start(required: boolean): Promise<void> {
    const current = this.#current ?? this.#resolveCurrent();
    if (current instanceof UnusableServer) return current.fail();
    await current.start(required);
  }

  /** Uses another config from now on. Calls in flight, and their token requests, still use the previous one. */
  replaceWith(origin: ManagerServer): void {
    const current = createServer(origin, this.#retireCurrent());
    this.#current = current;
    const keepsTokens = current instanceof LiveServer && current.keepsTokens;
    for (const user of this.#subjects?.all() ?? []) {
      const previous = user.#retireCurrent() ?? user.#previous;
      user.#previous = keepsTokens ? previous : undefined;
      if (!keepsTokens) user.#pinSubject();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const servers = [this.#current, ...this.#retired.map((reference) => reference.deref())];
    await Promise.all([
      ...servers.map((server) => (server instanceof LiveServer ? server.stop() : undefined)),
      ...(this.#subjects?.all() ?? []).map((manager) => manager.stop()),
    ]);
  }

  /** Drops the tokens and the subject of a user for good. */
  async #end(): Promise<void> {
    if (this.#user === undefined) return;
    const reason = forgottenSubject(this.name);
    const servers = [this.#current, this.#previous, ...this.#retired.map((reference) => reference.deref())];
    // The host may keep this manager, which must not keep the user's token.
    const subject = (): never => {
      throw reason;
    };
    this.#user = { parent: this.#user.parent, subject };
    this.#current = new UnusableServer(this.name, reason);
    this.#previous = undefined;
    this.#subject = undefined;
    this.#retired = [];
    await Promise.all(
      servers.map((server) => (server instanceof LiveServer ? server.forget(reason) : undefined)),
    );
  }

  #retireCurrent(): LiveServer | undefined {
    const retired = this.#current;
    this.#current = undefined;
    if (!(retired instanceof LiveServer)) return undefined;
    retired.retire();
    // Calls in flight keep it alive.
    this.#retired = this.#retired.filter((reference) => reference.deref() !== undefined);
    this.#retired.push(new WeakRef(retired));
    return retired;
  }

  /** Calls in flight keep their subject, because the next subject may be for another issuer. */
  #pinSubject(): void {
    if (this.#subject === undefined) return;
    const last = this.#subject.latest();
    this.#subject.latest = () => last;
    this.#subject = undefined;
  }

  /** Creates the live server for a user from that of the parent. */
  #resolveCurrent(): LiveServer | UnusableServer {
    if (this.#user === undefined) throw new TypeError("The manager of a server always has a current server.");
    const { parent, subject } = this.#user;
    const server = parent.#current ?? parent.#resolveCurrent();
    const current = server instanceof LiveServer ? this.#createForUser(server, subject) : server;
    this.#current = current;
    return current;
  }

  #createForUser(server: LiveServer, subject: () => RuntimeSubject): LiveServer | UnusableServer {
    const unexpected = unexpectedSubject(this.name, server.spec.grant);
    if (unexpected !== undefined) return new UnusableServer(this.name, unexpected);
    this.#subject ??= { latest: subject };
    const subjectOfServer = this.#subject;
    const live = server.forUser(() => subjectOfServer.latest(), this.#previous);
    this.#previous = undefined;
    if (this.#stopped) void live.stop();
    return live;
  }
}

function createServer(
  { entry, runtime }: ManagerServer,
  previous: LiveServer | undefined,
): LiveServer | UnusableServer {
  return "spec" in entry
    ? new LiveServer(entry.spec, runtime, previous)
    : new UnusableServer(entry.name, entry.failure);
}
