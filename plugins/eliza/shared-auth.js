// The tokens that all agents of the process share. It imports nothing of Eliza.

/**
 * Returns a source of tokens: it creates them for the first agent, and stops them after the last one.
 *
 * @param {() => Promise<import("mcp-auth-runtime").McpAuth>} create
 * @returns {Source}
 */
export function sharedAuth(create) {
  let agents = 0;
  /** @type {Promise<import("mcp-auth-runtime").McpAuth> | undefined} */
  let shared;
  return {
    async acquire() {
      agents += 1;
      shared ??= create();
      const current = shared;
      try {
        return await current;
      } catch (error) {
        agents -= 1;
        if (shared === current) shared = undefined;
        throw error;
      }
    },
    async release() {
      agents -= 1;
      if (agents > 0) return;
      const last = shared;
      // An agent that starts meanwhile must not get what is stopped here.
      shared = undefined;
      await (await last)?.stop();
    },
  };
}

/**
 * Where the tokens come from.
 *
 * @typedef {object} Source
 * @property {() => Promise<import("mcp-auth-runtime").McpAuth>} acquire called when an agent starts
 * @property {() => Promise<void>} release called once when it stops
 */
