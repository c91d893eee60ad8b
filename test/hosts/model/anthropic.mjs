// Anthropic's messages.
import { newId, textOf } from "./script.mjs";

export const anthropic = {
  path: /\/messages$/,

  read({ messages = [], tools = [] }) {
    return { turns: messages.flatMap(turns), tools: tools.map(({ name }) => name) };
  },

  isStreaming: ({ stream }) => stream === true,

  answer: (step, { model }) => ({ ...message(model), content: [block(step)], stop_reason: reason(step) }),

  /** The events of a stream. */
  events(step, { model }) {
    const { input, text, ...start } = block(step);
    const isText = step.text !== undefined;
    const delta = isText
      ? { type: "text_delta", text }
      : { type: "input_json_delta", partial_json: JSON.stringify(input) };
    const content_block = isText ? { ...start, text: "" } : { ...start, input: {} };
    return [
      { type: "message_start", message: { ...message(model), content: [], stop_reason: null } },
      { type: "content_block_start", index: 0, content_block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: reason(step), stop_sequence: null },
        usage: { output_tokens: 1 },
      },
      { type: "message_stop" },
    ].map((data) => ({ event: data.type, data }));
  },
};

/** A message of the user can contain results of tools, and after them a text. */
function turns({ role, content }) {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return blocks.map((each) => {
    if (each.type === "tool_result") return { role: "tool", text: textOf(each.content) };
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

function block(step) {
  if (step.text !== undefined) return { type: "text", text: step.text };
  return { type: "tool_use", id: newId("toolu"), name: step.tool, input: step.arguments };
}

function reason(step) {
  return step.text === undefined ? "tool_use" : "end_turn";
}
