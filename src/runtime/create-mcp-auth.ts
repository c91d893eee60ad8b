import type { McpAuthConfig } from "../config/define-config.js";
import { loadConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { startingFolder } from "../config/starting-folder.js";
import type { Signer } from "../keys/signing-key.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { type Allow, createPermissions } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { platformFetch } from "../net/own-requests.js";
import { ServerClocks } from "../net/server-clocks.js";
import type { SecretResolver } from "../secrets/read-secret.js";
import { assertStore, type McpAuthStore } from "../sharing/custom-store.js";
import { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import { assertRuntimeOptions } from "./check-options.js";
import { Events } from "./events.js";
import type { Logger } from "./logger.js";
import type { McpAuth } from "./mcp-auth.js";
import { Runtime } from "./runtime.js";

export interface McpAuthOptions<Name extends string = string> {
  /** A config, or the path of one; without it `MCP_AUTH_CONFIG`, else the nearest file from `cwd` up. */
  readonly config?: string | McpAuthConfig<Name>;
  /** Where the search begins and what relative paths of an object config are relative to. */
  readonly cwd?: string;
  /** Where `${NAME}` and `{ "env": "NAME" }` look; `process.env` unless told. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Used for every request in place of the global `fetch`. For https it gets connections that verify their peer, as
   * `init.dispatcher`. What it trusts is unknown, so the metadata that it fetches is not shared through a store.
   */
  readonly fetch?: FetchFunction;
  readonly logger?: Logger;
  /** The functions that references of the form `{ "resolver": "NAME", "ref": … }` call, by name. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>>;
  /** The functions that keys of the form `{ "signer": { "name": "NAME" } }` sign with, by name. */
  readonly signers?: Readonly<Record<string, Signer>>;
  /**
   * `false` runs no command of the config: `exec` references and signers fail. So they do where MCP_AUTH_ALLOW_EXEC, in
   * `env` or in the environment of the process, has another value than 1, true, yes or on.
   */
  readonly allowExec?: boolean;
  /**
   * Confines a config that somebody else wrote: what these lists do not name is refused with `config_invalid`, when the
   * config is loaded, or on use where a variable or a reference leads to it.
   */
  readonly allow?: Allow;
  readonly clock?: Clock;
  /** Where tokens are kept, in place of the `store` of the config. */
  readonly store?: McpAuthStore;
}

/**
 * Finds and validates the config and builds one token manager a server. It makes no request, reads no secret and
 * runs nothing.
 *
 * Rejects with `config_not_found` and `config_invalid`, whose `violations` hold every mistake of a config.
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
  return await createRuntime(options);
}

/** The same; with a config that was loaded already, that one. */
export async function createRuntime<Name extends string>(
  options: McpAuthOptions<Name>,
  loaded?: ConfigSpec,
): Promise<Runtime<Name>> {
  assertRuntimeOptions(options);
  const { clock = systemClock, env = process.env } = options;
  const { config, resolvers, signers, allowExec } = options;
  // Also for a reload, wherever the process is then.
  const cwd = startingFolder(options, env);
  const allow =
    options.allow === undefined
      ? undefined
      : (await import("../lib/allow.js")).allowRules(options.allow, cwd);
  // A host that passes an `env` of its own does not lift what was forbidden for the process.
  const permissions = createPermissions({ allowExec, allow, environments: [env, process.env] });
  const hasStore = options.store !== undefined;
  if (options.store !== undefined) assertStore(options.store);
  const events = new Events(options.logger);
  const warned = new Set<string>();
  const warn = (warning: string, file: string | undefined): void => {
    if (options.logger === undefined) process.emitWarning(warning, "McpAuthWarning");
    else events.warn({ file }, warning);
  };
  const warnOnce = (spec: ConfigSpec): ConfigSpec => {
    for (const warning of spec.warnings ?? []) {
      if (!warned.has(warning)) warn(warning, spec.file);
      warned.add(warning);
    }
    return spec;
  };
  const load = async (present?: ConfigSpec): Promise<ConfigSpec> => {
    const pinned = { pinned: present?.file, pinnedByName: present?.named };
    return warnOnce(await loadConfig({ cwd, env, config, ...pinned, hasStore, allow }));
  };
  const spec = loaded === undefined ? await load() : warnOnce(loaded);
  const serverClocks = new ServerClocks(clock);
  const sending = { fetch: platformFetch(options.fetch), serverClocks };
  const shared = {
    ...sending,
    clock,
    env,
    events,
    resolvers,
    signers,
    permissions,
    retryAfter: new RetryAfterRegistry(),
  };
  const given = { ...shared, ownStore: options.store, hasOwnFetch: options.fetch !== undefined };
  return new Runtime<Name>(spec, given, load);
}
