// A plugin for ElizaOS: the tools of the MCP servers in mcp-auth.config.json become actions of the agent.
import { logger, Service } from "@elizaos/core";
import { createMcpAuth } from "mcp-auth-runtime";
import { McpServer } from "./mcp-server.js";
import { sharedAuth } from "./shared-auth.js";
import { toolActions } from "./tool-action.js";

export const serviceType = "mcp-auth";

/** @type {typeof import("./index.js").mcpAuth} */
export function mcpAuth(auth, servers) {
  return plugin({ acquire: async () => auth, release: async () => {} }, servers);
}

/**
 * @param {Source} source
 * @param {readonly string[]} [names] the servers, by default all
 * @returns {import("@elizaos/core").Plugin}
 */
function plugin({ acquire, release }, names) {
  /** @type {WeakMap<import("@elizaos/core").IAgentRuntime, readonly TokenManager[]>} */
  const managersOf = new WeakMap();

  class McpAuthService extends Service {
    static serviceType = serviceType;
    capabilityDescription = "Calls the tools of the MCP servers in mcp-auth.config.json.";
    /** @type {McpServer[]} */
    #servers = [];
    /** @type {Promise<void> | undefined} */
    #stopped;

    /** @param {import("@elizaos/core").IAgentRuntime} runtime */
    static async start(runtime) {
      const service = new McpAuthService(runtime);
      service.#servers = (managersOf.get(runtime) ?? []).map((manager) => connectTo(manager, runtime));
      await Promise.all(service.#servers.map((server) => server.start()));
      return service;
    }

    stop() {
      this.#stopped ??= this.#stop();
      return this.#stopped;
    }

    async #stop() {
      await Promise.all(this.#servers.map((server) => server.stop()));
      await release();
    }
  }

  return {
    name: "mcp-auth",
    description: "Offers the tools of protected MCP servers as actions, authorized machine to machine.",
    // Eliza only logs the failure of a service, so mistakes in the config are found here, before the agent starts.
    async init(_config, runtime) {
      const auth = await acquire();
      managersOf.set(
        runtime,
        (names ?? auth.servers).map((name) => auth.resolve(name)),
      );
    },
    services: [McpAuthService],
  };
}

/**
 * Returns the connection of an agent to a server. The tools of the server become actions of the agent.
 *
 * @param {TokenManager} manager
 * @param {import("@elizaos/core").IAgentRuntime} runtime
 */
function connectTo(manager, runtime) {
  /** @type {readonly import("@elizaos/core").Action[]} */
  let actions = [];
  /** @param {string} message */
  const warn = (message) => runtime.logger.warn({ src: "plugin:mcp-auth", server: manager.name }, message);
  const server = new McpServer(manager, {
    onTools(tools) {
      // Eliza has no function that removes an action.
      runtime.actions = runtime.actions.filter((action) => !actions.includes(action));
      actions = toolActions(manager.name, tools, { call: (tool, args) => server.call(tool, args), warn });
      for (const action of actions) runtime.registerAction(action);
    },
    onFailure({ message }) {
      runtime.logger.error({ src: "plugin:mcp-auth", server: manager.name }, message);
    },
  });
  return server;
}

const elizaLogger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };

/**
 * @param {"debug" | "info" | "warn" | "error"} level
 * @returns {(fields: object, message: string) => void}
 */
function log(level) {
  return (fields, message) => logger[level]({ src: "plugin:mcp-auth", ...fields }, message);
}

const fromConfig = sharedAuth(() => createMcpAuth({ logger: elizaLogger }));

/** @typedef {import("mcp-auth-runtime").TokenManager} TokenManager */
/** @typedef {import("./shared-auth.js").Source} Source */

// biome-ignore lint/style/noDefaultExport: Eliza takes the default export of a package that a character names.
export default plugin(fromConfig);
