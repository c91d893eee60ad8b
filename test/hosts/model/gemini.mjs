// Gemini's generateContent.
import { textOf } from "./script.mjs";

export const gemini = {
  path: /\/models\/[^/:]+:(?:streamG|g)enerateContent$/,

  read({ contents = [], tools = [] }) {
    const list = Array.isArray(contents) ? contents : [contents];
    return {
      turns: list.flatMap(turns),
      tools: tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => name)),
    };
  },

  isStreaming: (_, path) => path.endsWith(":streamGenerateContent"),

  answer(step) {
    const part =
      step.text === undefined
        ? { functionCall: { name: step.tool, args: step.arguments } }
        : { text: step.text };
    return {
      candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      modelVersion: "scripted",
    };
  },

  events: (step) => [{ data: gemini.answer(step) }],
};

function turns({ role, parts = [] }) {
  return parts.map((part) => {
    if (part.functionResponse !== undefined)
      return { role: "tool", text: textOf(part.functionResponse.response) };
    // Without a role, it is the user's.
    return { role: role === "model" ? "other" : "user", text: textOf(part) };
  });
}
