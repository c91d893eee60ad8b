// What the scripted model answers, in no protocol: it calls the tool `echo` with the text of the question, then answers
// with what the tool returned.

/**
 * @typedef {object} Turn
 * @property {"user" | "tool" | "other"} role `tool` for the result of a tool
 * @property {string} text
 */

/** @typedef {{ turns: readonly Turn[], tools: readonly string[] }} Prompt `tools` are the names of the host's tools */

/** @typedef {{ text: string } | { tool: string, arguments: { text: string } }} Step a final text, or the call of a tool */

const questionId = /call-[0-9a-f]+/g;
const looksFailed = /\b(?:error|failed|failure)\b|Server "/i;

/**
 * Returns the next step for a conversation. It depends on the conversation alone, so one model serves all hosts.
 *
 * @param {Prompt} prompt
 * @returns {Step}
 */
export function nextStep({ turns, tools }) {
  const asked = turns.findLastIndex(({ role, text }) => role === "user" && text.search(questionId) >= 0);
  // Hosts ask for titles and summaries too.
  if (asked < 0) return { text: "ok" };
  const id = turns[asked].text.match(questionId).at(-1);
  const result = turns.slice(asked + 1).findLast(({ role }) => role === "tool");
  if (result !== undefined) {
    const isEcho = result.text.includes(id) && !looksFailed.test(result.text);
    return { text: isEcho ? id : `FAILED ${id}: ${oneLine(result.text)}` };
  }
  const tool = tools.find((name) => /(?:^|[^a-z])echo$/i.test(name));
  if (tool === undefined)
    return { text: `FAILED ${id}: no tool echo among ${tools.join(", ") || "no tools"}` };
  return { tool, arguments: { text: id } };
}

function oneLine(text) {
  return text.replace(/\s+/g, " ");
}

/** Returns the text of content that is a string, a list of parts, or any other value. */
export function textOf(content) {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(textOf).join("\n");
  if (typeof content?.text === "string") return content.text;
  return content === undefined || content === null ? "" : JSON.stringify(content);
}

let latestId = 0;

/** Returns a new id for what the model creates. */
export function newId(prefix) {
  latestId += 1;
  return `${prefix}_${latestId}`;
}
