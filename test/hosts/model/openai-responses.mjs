// OpenAI's responses.
import { newId, textOf } from "./script.mjs";

export const openaiResponses = {
  path: /\/responses$/,

  read({ input = [], tools = [] }) {
    const items = typeof input === "string" ? [{ role: "user", content: input }] : input;
    return { turns: items.map(turn), tools: tools.flatMap(namesOf) };
  },

  isStreaming: ({ stream }) => stream === true,

  answer: (step, request) => response(request, "completed", [item(step)]),

  /** The events of a stream. */
  events(step, request) {
    const done = item(step);
    const created = response(request, "in_progress", []);
    const place = { item_id: done.id, output_index: 0 };
    const part = { type: "output_text", text: "", annotations: [] };
    const text = { ...place, content_index: 0 };
    const events = [
      { type: "response.created", response: created },
      { type: "response.in_progress", response: created },
      ...(step.text === undefined
        ? [
            {
              type: "response.output_item.added",
              output_index: 0,
              item: { ...done, arguments: "", status: "in_progress" },
            },
            { type: "response.function_call_arguments.delta", ...place, delta: done.arguments },
            {
              type: "response.function_call_arguments.done",
              ...place,
              name: done.name,
              arguments: done.arguments,
            },
          ]
        : [
            {
              type: "response.output_item.added",
              output_index: 0,
              item: { ...done, content: [], status: "in_progress" },
            },
            { type: "response.content_part.added", ...text, part },
            { type: "response.output_text.delta", ...text, delta: step.text, logprobs: [] },
            { type: "response.output_text.done", ...text, text: step.text, logprobs: [] },
            { type: "response.content_part.done", ...text, part: { ...part, text: step.text } },
          ]),
      { type: "response.output_item.done", output_index: 0, item: done },
      { type: "response.completed", response: { ...created, status: "completed", output: [done], usage } },
    ];
    return events.map((data, sequence_number) => ({ event: data.type, data: { ...data, sequence_number } }));
  },
};

const usage = {
  input_tokens: 1,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 1,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 2,
};

/** Returns the names of a tool, or of the tools in a namespace. */
function namesOf({ type, name, tools = [] }) {
  if (type === "namespace") return tools.map((tool) => `${name}${separator}${tool.name}`);
  return name ?? [];
}

/** Stands between a namespace and a tool. Names do not have it. */
const separator = ".";

function turn({ type, role, content, output }) {
  if (type === "function_call_output") return { role: "tool", text: textOf(output) };
  return { role: role === "user" ? "user" : "other", text: textOf(content) };
}

function item(step) {
  if (step.text !== undefined) {
    const content = [{ type: "output_text", text: step.text, annotations: [] }];
    return { type: "message", id: newId("msg"), role: "assistant", status: "completed", content };
  }
  const [name, namespace] = step.tool.split(separator).reverse();
  const call = { name, ...(namespace && { namespace }), arguments: JSON.stringify(step.arguments) };
  return { type: "function_call", id: newId("fc"), call_id: newId("call"), status: "completed", ...call };
}

function response({ model, tools = [] }, status, output) {
  return {
    ...{
      id: newId("resp"),
      object: "response",
      created_at: 1_700_000_000,
      model,
      status,
      output,
      tools,
      usage,
    },
    ...{ error: null, incomplete_details: null, instructions: null, metadata: {}, parallel_tool_calls: true },
    ...{ temperature: 1, top_p: 1, tool_choice: "auto", previous_response_id: null, truncation: "disabled" },
  };
}
