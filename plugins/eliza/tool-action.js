// An MCP tool as an action of Eliza. It imports nothing of Eliza.

/**
 * Returns the actions for the tools of a server. Of tools whose actions have the same name, only the first gets one.
 *
 * @param {string} server
 * @param {readonly import("@modelcontextprotocol/client").Tool[]} tools
 * @param {{ call: ToolCall, warn: (message: string) => void }} on
 */
export function toolActions(server, tools, { call, warn }) {
  /** @type {Map<string, { tool: string, action: import("@elizaos/core").Action }>} */
  const actions = new Map();
  for (const tool of tools) {
    const action = toolAction(server, tool, (args) => call(tool.name, args));
    const first = actions.get(action.name);
    if (first === undefined) actions.set(action.name, { tool: tool.name, action });
    else
      warn(
        `Server "${server}": the tools "${first.tool}" and "${tool.name}" would both be the action ${action.name}, so the agent gets only "${first.tool}". Rename one of them on the server.`,
      );
  }
  return [...actions.values()].map(({ action }) => action);
}

/**
 * Returns an action that calls a tool. Only in Eliza's multi-step loop (`USE_MULTI_STEP`) does the model choose arguments.
 *
 * @param {string} server
 * @param {import("@modelcontextprotocol/client").Tool} tool
 * @param {(args: Record<string, unknown>) => Promise<import("@modelcontextprotocol/client").CallToolResult>} call
 * @returns {import("@elizaos/core").Action}
 */
export function toolAction(server, tool, call) {
  const name = actionName(server, tool.name);
  const required = tool.inputSchema.required ?? [];
  /** @type {(text: string, data?: Record<string, unknown>) => import("@elizaos/core").ActionResult} */
  const success = (text, data) => ({ success: true, text, data: { actionName: name, ...data } });
  /** @type {(text: string) => import("@elizaos/core").ActionResult} */
  const failure = (text) => ({ success: false, text, error: text, data: { actionName: name } });
  return {
    name,
    similes: [tool.name, `${server}_${tool.name}`],
    description: tool.description ?? `Calls the tool ${tool.name} of the MCP server ${server}.`,
    parameters: actionParameters(tool.inputSchema.properties ?? {}, required),
    validate: async () => true,
    async handler(runtime, _message, state, _options, callback) {
      const args = chosenArguments(name, state);
      const missing = required.filter((each) => !(each in args));
      if (missing.length > 0)
        return failure(
          `${name} needs ${missing.join(", ")}. Set USE_MULTI_STEP=true, so that the model chooses arguments.`,
        );
      try {
        const { content, structuredContent, isError } = await call(args);
        const text = textOf(content);
        if (isError) return failure(text);
        // This is the agent's answer, except in the multi-step loop, which ignores it and writes one of its own.
        await callback?.({ text, actions: [name] });
        return success(text, structuredContent === undefined ? {} : { structuredContent });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        runtime.logger.error({ src: "plugin:mcp-auth", server, tool: tool.name }, message);
        return failure(message);
      }
    },
  };
}

/** Returns a name such as `CRM_FIND_CUSTOMER`. @param {string} server @param {string} tool */
function actionName(server, tool) {
  return `${server}_${tool}`.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
}

/**
 * Eliza shows the model a type and a description of each parameter. So the rest of the schema, such as `enum` and
 * `items`, goes into the description.
 *
 * @param {Record<string, unknown>} properties
 * @param {readonly string[]} required
 */
function actionParameters(properties, required) {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const { type, description, ...rest } = Object(property);
      const schema = Object.keys(rest).length > 0 ? `JSON Schema: ${JSON.stringify(rest)}` : undefined;
      const parameter = {
        type: typeof type === "string" ? type : "object",
        description: [description ?? name, schema].filter(Boolean).join(". "),
        required: required.includes(name),
      };
      return [name, parameter];
    }),
  );
}

/**
 * The multi-step loop keeps the arguments under the name of the action, beside two members of its own.
 *
 * @param {string} name
 * @param {import("@elizaos/core").State | undefined} state
 * @returns {Record<string, unknown>}
 */
function chosenArguments(name, state) {
  const { _source, _timestamp, ...args } = Object(state?.data[name.toLowerCase().replaceAll("_", "")]);
  return args;
}

/** @param {import("@modelcontextprotocol/client").CallToolResult["content"]} content */
function textOf(content) {
  return content.map((part) => (part.type === "text" ? part.text : JSON.stringify(part))).join("\n");
}

/** @typedef {(tool: string, args: Record<string, unknown>) => Promise<import("@modelcontextprotocol/client").CallToolResult>} ToolCall */
