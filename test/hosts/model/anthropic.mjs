// Anthropic's messages.
import { newId, textOf } from "./script.mjs";

/** Claude Code shows the tools of MCP servers only when the model searches for them, or waits for the servers. */
const searches = [
  { tool: "ToolSearch", arguments: { query: "echo" } },
  { tool: "WaitForMcpServers", arguments: {} },
];
const searchId = "toolu_search";

export const anthropic = {
  path: /\/messages$/,

  read({ messages = [], tools = [] }) {
    const names = tools.map(({ name }) => name);
    const search = searches.find(({ tool }) => names.includes(tool));
    return { turns: messages.flatMap(turns), tools: names, search };
  },

  isStreaming: ({ stream }) => stream === true,

  answer: (step, { model }) => ({ ...message(model), content: blocks(step), stop_reason: reason(step) }),

  /** The events of a stream. */
  events(step, { model }) {
    return [
      { type: "message_start", message: { ...message(model), content: [], stop_reason: null } },
      ...blocks(step).flatMap(blockEvents),
      {
        type: "message_delta",
        delta: { stop_reason: reason(step), stop_sequence: null },
        usage: { output_tokens: 1 },
      },
      { type: "message_stop" },
    ].map((data) => ({ event: data.type, data }));
  },
};

function blockEvents({ input, text, ...start }, index) {
  const isText = text !== undefined;
  const delta = isText
    ? { type: "text_delta", text }
    : { type: "input_json_delta", partial_json: JSON.stringify(input) };
  const content_block = isText ? { ...start, text: "" } : { ...start, input: {} };
  return [
    { type: "content_block_start", index, content_block },
    { type: "content_block_delta", index, delta },
    { type: "content_block_stop", index },
  ];
}

/** A message of the user can contain results of tools, and after them a text. */
function turns({ role, content }) {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return blocks.map((each) => {
    if (each.type === "tool_result") {
      const role = each.tool_use_id.startsWith(searchId) ? "search" : "tool";
      return { role, text: `${each.is_error === true ? "error: " : ""}${textOf(each.content)}` };
    }
    return { role: role === "user" ? "user" : "other", text: textOf(each) };
  });
}

function message(model) {
  const usage = {
    input_tokens: 1,
    output_tokens: 1,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  return { id: newId("msg"), type: "message", role: "assistant", model, stop_sequence: null, usage };
}

function blocks({ more = [], ...step }) {
  if (step.text !== undefined) return [{ type: "text", text: step.text }];
  return [step, ...more].map(({ tool, arguments: input }) => {
    const isSearch = searches.some((search) => search.tool === tool);
    return { type: "tool_use", id: newId(isSearch ? searchId : "toolu"), name: tool, input };
  });
}

function reason(step) {
  return step.text === undefined ? "tool_use" : "end_turn";
}
