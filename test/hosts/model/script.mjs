// What the scripted model answers, in no protocol: it calls the tool `echo` with the text of the question, then answers
// with what the tool returned.
import { elizaAnswer } from "./eliza.mjs";

/**
 * @typedef {object} Turn
 * @property {"user" | "tool" | "search" | "other"} role `tool` for the result of a tool, `search` for the result of `search`
 * @property {string} text
 */

/**
 * @typedef {object} Prompt
 * @property {readonly Turn[]} turns
 * @property {readonly string[]} tools the names of the host's tools
 * @property {Call} [search] the call that makes the host show more tools
 */

/** @typedef {{ tool: string, arguments: object }} Call */

/** @typedef {{ text: string } | Call & { more?: readonly Call[] }} Step a final text, or calls of tools, `more` at once */

const questionId = /call-[0-9a-f]+/g;
const looksFailed = /error|fail|denied|cancell?ed|unauthori[sz]ed|not connected|\b40[13]\b|Server "/i;

/**
 * Returns the next step for a conversation. It depends on the conversation alone, so one model serves all hosts.
 *
 * @param {Prompt} prompt
 * @returns {Step}
 */
export function nextStep({ turns, tools, search }) {
  const asked = turns.findLastIndex(({ role, text }) => role === "user" && text.search(questionId) >= 0);
  // Hosts ask for titles and summaries too.
  if (asked < 0) return { text: "ok" };
  const ids = askedIds(turns[asked].text);
  const xml = elizaAnswer(turns[asked].text, ids.at(-1), (result) => finalText(ids.at(-1), result));
  if (xml !== undefined) return { text: xml };
  const since = turns.slice(asked + 1);
  const results = since.filter(({ role }) => role === "tool").map(({ text }) => text);
  if (results.length > 0)
    return { text: ids.map((id) => finalText(id, resultFor(id, ids, results))).join("\n") };
  const tool = tools.find((name) => /(?:^|[^a-z])echo$/i.test(name));
  if (tool !== undefined) {
    const [call, ...more] = ids.map((id) => ({ tool, arguments: { text: id } }));
    return { ...call, ...(more.length > 0 && { more }) };
  }
  if (search !== undefined && !since.some(({ role }) => role === "search")) return search;
  const none = `no tool echo among ${tools.join(", ") || "no tools"}`;
  return { text: ids.map((id) => `FAILED ${id}: ${none}`).join("\n") };
}

/** A message that has only ids asks for all of them at once. */
function askedIds(text) {
  const ids = text.match(questionId);
  return text.trim().split(/\s+/).length === ids.length ? ids : ids.slice(-1);
}

function resultFor(id, ids, results) {
  const own = results.findLast((text) => text.includes(id));
  return own ?? results.findLast((text) => !ids.some((other) => text.includes(other))) ?? "no result";
}

function finalText(id, result) {
  const isEcho = result.includes(id) && !looksFailed.test(result.replace(/"is_?error":\s*false/gi, ""));
  return isEcho ? id : `FAILED ${id}: ${result.replace(/\s+/g, " ")}`;
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
