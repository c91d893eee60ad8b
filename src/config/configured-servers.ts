import { McpAuthError } from "../errors/error.js";
import { keepBuilt } from "./build-client.js";
import { buildServer, type ServerWithUrl } from "./build-server.js";
import { formatViolation } from "./format-violation.js";
import type { Config, Server } from "./generated/types.js";
import type { ServerMistakes } from "./server-mistakes.js";
import type { ServerEntries, ServerEntry, SharedParts } from "./spec.js";

export interface ServersOptions {
  /** Valid, apart from the mistakes. */
  readonly config: Config;
  readonly mistakes: ServerMistakes;
  /** Relative paths of the config are relative to this folder. */
  readonly folder: string;
}

/**
 * The servers of a config. They stay in the form in which the config has them, because a config may have thousands of
 * servers of which a process uses a few. The runtime's form of a server is built when it is asked for.
 */
export class ConfiguredServers implements ServerEntries {
  readonly names: readonly string[];
  readonly #options: ServersOptions;
  readonly #entries = new Map<string, ServerEntry>();

  constructor(options: ServersOptions) {
    this.#options = options;
    this.names = Object.freeze(Object.keys(options.config.servers));
  }

  get size(): number {
    return this.names.length;
  }

  get shared(): SharedParts {
    const { config, folder } = this.#options;
    const { clients, keys, defaults } = config;
    return { clients, keys, defaults, folder };
  }

  succeed(previous: ServerEntries): void {
    // Relative paths of equal keys would name other files.
    if (previous.shared.folder === this.shared.folder) keepBuilt(previous.shared, this.shared);
  }

  has(name: string): boolean {
    return this.definition(name) !== undefined;
  }

  get(name: string): ServerEntry | undefined {
    const entry = this.#entries.get(name) ?? this.build(name);
    if (entry !== undefined) this.#entries.set(name, entry);
    return entry;
  }

  build(name: string): ServerEntry | undefined {
    const { config, folder } = this.#options;
    const server = this.definition(name);
    if (server === undefined) return undefined;
    if (this.isUsable(name) && hasUrl(server))
      return { name, spec: buildServer(name, server, config, folder) };
    const url = this.url(name);
    return { name, failure: this.#failureOf(name), ...(url !== undefined && { url }) };
  }

  *values(): Generator<ServerEntry> {
    for (const name of this.names) {
      const entry = this.get(name);
      if (entry !== undefined) yield entry;
    }
  }

  isUsable(name: string): boolean {
    return !this.#options.mistakes.breaks(name);
  }

  url(name: string): string | undefined {
    const url = this.definition(name)?.url;
    if (url === undefined || this.isUsable(name)) return url;
    return URL.canParse(url) && !url.includes("${") ? url : undefined;
  }

  definition(name: string): Server | undefined {
    const { servers } = this.#options.config;
    // JavaScript can pass any value, and a server may be called `constructor`.
    return typeof name === "string" && Object.hasOwn(servers, name) ? servers[name] : undefined;
  }

  #failureOf(server: string): McpAuthError {
    const mistakes = this.#options.mistakes.of(server);
    const violations = mistakes.map(({ violation }) => violation);
    const isInsecure = mistakes.every(({ mistake }) => mistake.code === "insecure_url");
    const message = `Server "${server}" cannot be used: ${violations.map(formatViolation).join(" ")}`;
    return new McpAuthError(isInsecure ? "insecure_url" : "config_invalid", message, { server, violations });
  }
}

/** Only a server that a mistake breaks may have no URL. */
function hasUrl(server: Server): server is ServerWithUrl {
  return server.url !== undefined;
}
