import { join } from "node:path";
import { createMcpAuth } from "mcp-auth-runtime";
import { startProxy } from "mcp-auth-runtime/proxy";
import { changesOf, earlierAddress, entryOf, usableServers } from "./entries.js";
import { loggerOf } from "./log.js";
import { stopAll } from "./stop.js";

/**
 * The OpenClaw plugin. While the gateway runs, it serves the MCP servers of the config on loopback, and adds their
 * tokens. It keeps their entries in `mcp.servers` of openclaw.json.
 */
export default {
  id: "mcp-auth",
  name: "MCP Auth",
  description: "Gets, renews and sends the tokens of your MCP servers.",
  /** @param {import("./openclaw.js").PluginApi} api */
  register(api) {
    // In all other modes, OpenClaw only lists what the plugin has.
    if (api.registrationMode !== "full") return;
    const { config, servers } = api.pluginConfig ?? {};
    // Later, `resolvePath` returns nothing.
    const settings = { servers, file: config && api.resolvePath(config), openclaw: api.runtime.config };
    /** @type {(() => Promise<void>)[]} */
    const running = [];
    const stop = () => stopAll(running.splice(0));
    api.registerService({
      id: "mcp-auth",
      async start(context) {
        try {
          await start(settings, context, running);
        } catch (error) {
          await stop();
          throw error;
        }
      },
      stop,
    });
  },
};

/**
 * @param {{ file: string | undefined, servers: readonly string[] | undefined, openclaw: import("./openclaw.js").ConfigAccess }} settings
 * @param {import("./openclaw.js").ServiceContext} context
 * @param {(() => Promise<void>)[]} running receives what must be stopped
 */
async function start({ file, servers, openclaw }, { stateDir, logger }, running) {
  const config = file ?? join(stateDir, "mcp-auth.config.json");
  const log = loggerOf(logger);
  const auth = await createMcpAuth({ config, logger: log });
  running.push(() => auth.stop());
  const managers = (servers ?? auth.servers).map((name) => auth.resolve(name));
  const usable = usableServers(managers, (server, message) => log.warn({ server, message }, message));
  // To calls of the other servers, the proxy answers why they cannot be used.
  const names = managers.map(({ name }) => name);

  const before = openclaw.current().mcp?.servers ?? {};
  const earlier = earlierAddress(before, names);
  const proxy = await startProxy(auth, { servers: names, ...earlier }).catch((error) => {
    if (earlier === undefined) throw error;
    // Another program has the port now.
    return startProxy(auth, { servers: names, token: earlier.token, listen: "127.0.0.1:0" });
  });
  running.push(() => proxy.stop());

  const targets = usable.map(({ name, url }) => ({ name, serverUrl: url, proxyUrl: proxy.url(name) }));
  const { changes, foreign } = changesOf(before, targets);
  for (const name of foreign)
    logger.warn(
      `mcp.servers.${name} of openclaw.json is another server than "${name}" of the config, so it gets no token. Rename one of them.`,
    );
  if (changes.size > 0) {
    await openclaw.mutateConfigFile({
      afterWrite: { mode: "auto" },
      mutate(draft) {
        const entries = { ...draft.mcp?.servers };
        for (const [name, change] of changes) entries[name] = change(entryOf(entries, name));
        draft.mcp = { ...draft.mcp, servers: entries };
      },
    });
    logger.info(`wrote mcp.servers of openclaw.json: ${[...changes.keys()].join(", ")}`);
  }
  logger.info(`serving ${usable.map(({ name }) => name).join(", ")}`);
  // Failures are logged, and each call tries again.
  auth.start().catch(() => {});
}
