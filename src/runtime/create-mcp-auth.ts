import type { McpAuthConfig } from "../config/define-config.js";
import type { ConfigSpec, ServerEntry } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isWithinPath } from "../http/reach.js";
import type { Signer } from "../keys/signing-key.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { nearNames } from "../lib/near-names.js";
import { version } from "../lib/version.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Network } from "../net/network.js";
import type { SecretResolver } from "../secrets/read-secret.js";
import { Events } from "./events.js";
import type { Logger } from "./logger.js";
import { type ManagerEnvironment, managerEnvironment } from "./manager-environment.js";
import type { McpAuth, StartOptions } from "./mcp-auth.js";
import { ServerTokenManager } from "./server-token-manager.js";
import type { TokenManager } from "./token-manager.js";
import { unusableManager } from "./unusable-manager.js";

export interface McpAuthOptions<Name extends string = string> {
  /** A config, or the path of one; without it `MCP_AUTH_CONFIG`, else the nearest file from `cwd` up. */
  readonly config?: string | McpAuthConfig<Name>;
  /** Where the search begins and what relative paths of an object config are relative to. */
  readonly cwd?: string;
  /** Where `${NAME}` and `{ "env": "NAME" }` look; `process.env` unless told. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Used for every request in place of the global `fetch`. */
  readonly fetch?: FetchFunction;
  readonly logger?: Logger;
  /** The functions that references of the form `{ "resolver": "NAME", "ref": … }` call, by name. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>>;
  /** The functions that keys of the form `{ "signer": { "name": "NAME" } }` sign with, by name. */
  readonly signers?: Readonly<Record<string, Signer>>;
  /** `false` runs no command of the config: `exec` references and signers fail. So does `MCP_AUTH_ALLOW_EXEC=0`. */
  readonly allowExec?: boolean;
  readonly clock?: Clock;
}

/**
 * Finds and validates the config and builds one token manager a server. It makes no request, reads no secret and
 * runs nothing.
 *
 * Rejects with `config_not_found` and `config_invalid`, whose `violations` hold every mistake.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const response = await auth.resolve("billing").fetch("https://mcp.acme.example/billing", { method: "POST", body });
 * ```
 */
export async function createMcpAuth<Name extends string = string>(
  options: McpAuthOptions<Name> = {},
): Promise<McpAuth<Name>> {
  const { clock = systemClock, env = process.env, cwd = process.cwd() } = options;
  const { loadConfig } = await import("../config/load.js");
  const { config, resolvers, signers, allowExec } = options;
  const spec = await loadConfig({ cwd, env, ...(config !== undefined && { config }) });
  // Looked up at each call, so that instrumentation which replaces the global later is used.
  const fetch: FetchFunction = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const events = new Events(options.logger);
  const given = { fetch, clock, env, events, resolvers, signers, allowExec };
  return new Runtime<Name>(spec, managerEnvironment(given, spec.network), events);
}

class Runtime<Name extends string> implements McpAuth<Name> {
  readonly name = "mcp-auth-runtime";
  readonly version = version;
  readonly servers: readonly Name[];
  readonly #managers = new Map<string, TokenManager>();
  readonly #events: Events;
  readonly #network: Network;
  readonly on: McpAuth<Name>["on"];
  #stopped: Promise<void> | undefined;

  constructor(spec: ConfigSpec, environment: ManagerEnvironment, events: Events) {
    this.#events = events;
    this.#network = environment.network;
    this.on = (event, listener) => this.#events.on(event, listener);
    // The names come from the same config that `Name` was inferred from; for a file it is `string`.
    this.servers = Object.freeze([...spec.servers.keys()] as Name[]);
    for (const [name, entry] of spec.servers) this.#managers.set(name, build(entry, environment));
  }

  has(name: string): name is Name {
    return this.#managers.has(name);
  }

  resolve(name: Name): TokenManager {
    if (this.#stopped !== undefined) throw stopped();
    const manager = this.#managers.get(name);
    if (manager === undefined) throw unknownServer(name, this.servers);
    return manager;
  }

  resolveUrl(url: string | URL): TokenManager | undefined {
    if (!URL.canParse(String(url))) return undefined;
    const { origin, pathname } = new URL(url);
    let best: ServerTokenManager | undefined;
    for (const manager of this.#managers.values()) {
      if (!(manager instanceof ServerTokenManager)) continue;
      const { address } = manager;
      if (address.origin !== origin || !isWithinPath(pathname, address.pathname)) continue;
      if (best === undefined || address.pathname.length > best.address.pathname.length) best = manager;
    }
    return best;
  }

  async start(options: StartOptions<Name> = {}): Promise<readonly McpAuthError[]> {
    if (this.#stopped !== undefined) throw stopped();
    const required = new Set<string>(options.require ?? []);
    for (const name of required) if (!this.#managers.has(name)) throw unknownServer(name, this.servers);
    const outcomes = await Promise.all(
      [...this.#managers].map(async ([name, manager]) => ({
        name,
        failure: await started(manager, required.has(name)),
      })),
    );
    const failures = outcomes.filter((outcome) => outcome.failure !== undefined);
    const fatal = failures.find((outcome) => required.has(outcome.name));
    if (fatal?.failure !== undefined) throw fatal.failure;
    return failures.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  }

  stop(): Promise<void> {
    this.#stopped ??= Promise.all(
      [...this.#managers.values()].map((manager) =>
        manager instanceof ServerTokenManager ? manager.stop() : undefined,
      ),
    ).then(() => this.#network.close());
    return this.#stopped;
  }

  status(): ReturnType<McpAuth<Name>["status"]> {
    return [...this.#managers.values()].map((manager) => manager.status());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function build(entry: ServerEntry, environment: ManagerEnvironment): TokenManager {
  return "spec" in entry
    ? new ServerTokenManager(entry.spec, environment)
    : unusableManager(entry.name, entry.failure);
}

/** Starts one manager and waits for its first token; gives what went wrong. */
async function started(manager: TokenManager, required: boolean): Promise<McpAuthError | undefined> {
  if (!(manager instanceof ServerTokenManager)) return manager.status().lastError;
  try {
    await manager.start(required);
    return undefined;
  } catch (error) {
    if (error instanceof McpAuthError) return error;
    throw error;
  }
}

function stopped(): McpAuthError {
  return new McpAuthError("stopped", "This runtime was stopped; create another with createMcpAuth().");
}

function unknownServer(name: string, servers: readonly string[]): McpAuthError {
  const known =
    servers.length === 0 ? "The config names no server." : `The config names: ${servers.join(", ")}.`;
  const [near] = nearNames(name, servers);
  const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
  return new McpAuthError("unknown_server", `There is no server "${name}" in the config.${hint} ${known}`, {
    server: name,
  });
}
