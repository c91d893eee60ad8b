// OpenAI's chat completions.
import { newId, textOf } from "./script.mjs";

export const openaiChat = {
  path: /\/chat\/completions$/,

  read({ messages = [], tools = [] }) {
    const role = (name) => (name === "tool" || name === "user" ? name : "other");
    return {
      turns: messages.map((message) => ({ role: role(message.role), text: textOf(message.content) })),
      tools: tools.flatMap((tool) => tool.function?.name ?? []),
    };
  },

  isStreaming: ({ stream }) => stream === true,

  answer(step, { model }) {
    const message = { role: "assistant", ...content(step) };
    return {
      ...envelope("chat.completion", model),
      choices: [{ index: 0, message, finish_reason: reason(step) }],
      usage,
    };
  },

  /** The events of a stream. */
  events(step, { model }) {
    const chunk = (delta, finish_reason, more) => ({
      data: {
        ...envelope("chat.completion.chunk", model),
        choices: [{ index: 0, delta, finish_reason }],
        ...more,
      },
    });
    const { tool_calls, ...text } = content(step);
    const delta = {
      role: "assistant",
      ...text,
      ...(tool_calls && { tool_calls: [{ index: 0, ...tool_calls[0] }] }),
    };
    return [chunk(delta, null), chunk({}, reason(step), { usage }), { data: "[DONE]" }];
  },
};

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

function envelope(object, model) {
  return { id: newId("chatcmpl"), object, created: 1_700_000_000, model };
}

function content(step) {
  if (step.text !== undefined) return { content: step.text };
  const call = { name: step.tool, arguments: JSON.stringify(step.arguments) };
  return { content: null, tool_calls: [{ id: newId("call"), type: "function", function: call }] };
}

function reason(step) {
  return step.text === undefined ? "tool_calls" : "stop";
}
