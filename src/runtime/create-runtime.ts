import { asyncFileSystem } from "../config/async-file-system.js";
import { loadConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { startingFolder } from "../config/starting-folder.js";
import { systemClock } from "../lib/clock.js";
import { createPermissions } from "../lib/permissions.js";
import { platformFetch } from "../net/own-requests.js";
import { ServerClocks } from "../net/server-clocks.js";
import { assertStore } from "../sharing/custom-store.js";
import { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import { assertRuntimeOptions } from "./check-entry-options.js";
import { Events } from "./events.js";
import type { McpAuthOptions } from "./mcp-auth-options.js";
import { Runtime } from "./runtime.js";

/** Creates the runtime, from `loaded` if the config has been loaded already. */
export async function createRuntime<Name extends string>(
  options: McpAuthOptions<Name>,
  loaded?: ConfigSpec,
): Promise<Runtime<Name>> {
  assertRuntimeOptions(options);
  const { clock = systemClock, env = process.env } = options;
  const { config, resolvers, signers, allowExec } = options;
  // Determined now, so that a reload finds the same file after the process has changed its folder.
  const cwd = startingFolder(options, env);
  const allow =
    options.allow === undefined
      ? undefined
      : (await import("../lib/allow.js")).allowRules(options.allow, cwd);
  // An `env` of the host does not lift restrictions of the process.
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
  const load = async (current?: ConfigSpec): Promise<ConfigSpec> => {
    const pinned = { pinned: current?.file, pinnedByName: current?.named };
    return warnOnce(await loadConfig({ cwd, env, config, ...pinned, hasStore, allow, fs: asyncFileSystem }));
  };
  const spec = loaded === undefined ? await load() : warnOnce(loaded);
  const serverClocks = new ServerClocks(clock);
  const dependencies = {
    fetch: platformFetch(options.fetch),
    serverClocks,
    clock,
    env,
    events,
    resolvers,
    signers,
    permissions,
    retryAfterRegistry: new RetryAfterRegistry(),
    ownStore: options.store,
    hasOwnFetch: options.fetch !== undefined,
  };
  return new Runtime<Name>(spec, dependencies, load);
}
