// ElizaOS does not use the tool calls of a model. It writes the whole state of the conversation into one prompt and
// expects XML. This is the same script for such prompts.

/**
 * Returns the answer to a prompt of Eliza's multi-step loop, or `undefined` for any other prompt.
 *
 * @param {string} prompt
 * @param {string} id the id of the question
 * @param {(text: string) => string} conclude turns the result of the tool into the final text
 * @returns {string | undefined}
 */
export function elizaAnswer(prompt, id, conclude) {
  const result = /^\*\*1\. \w*ECHO\*\* - \w+\n(.*?)\n\n/ms.exec(prompt)?.[1];
  if (prompt.includes("Summarize what the assistant has done"))
    return response({ thought: "Done.", text: conclude(result ?? "no result of a tool") });
  if (!prompt.includes("Determine the next step the assistant should take")) return undefined;
  const action = /^## (\w*ECHO)$/m.exec(prompt)?.[1];
  if (result !== undefined || action === undefined)
    return response({ thought: "Done.", action: "", parameters: "{}", providers: "", isFinish: "true" });
  const parameters = JSON.stringify({ text: id });
  return response({ thought: "Call it.", action, parameters, providers: "", isFinish: "false" });
}

function response(fields) {
  const lines = Object.entries(fields).map(([name, value]) => `  <${name}>${value}</${name}>`);
  return ["<response>", ...lines, "</response>"].join("\n");
}
