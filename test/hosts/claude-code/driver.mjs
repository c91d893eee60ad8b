// Runs Claude Code in its long-lived mode: a question per line of stdin, an answer per line of stdout. A session answers
// one message at a time, so questions that come at once are asked in one message.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The package's install script, which did not run here, puts this in place of a launcher.
const launcher = createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/cli-wrapper.cjs");
const args = ["-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"];
const more = JSON.parse(process.env.CLAUDE_ARGS ?? "[]");
const claude = spawn(process.execPath, [launcher, ...args, ...more], { stdio: ["pipe", "pipe", "inherit"] });
claude.once("close", (code) => process.exit(code ?? 1));

let questions = [];
let isAnswering = false;

function ask() {
  if (isAnswering || questions.length === 0) return;
  isAnswering = true;
  const message = { role: "user", content: questions.join("\n") };
  questions = [];
  claude.stdin.write(`${JSON.stringify({ type: "user", message })}\n`);
}

createInterface({ input: process.stdin })
  .on("line", (question) => {
    questions.push(question);
    // After the other lines that have come with this one.
    setImmediate(ask);
  })
  .on("close", () => claude.stdin.end());

createInterface({ input: claude.stdout }).on("line", (line) => {
  const { type, subtype, mcp_servers, result, errors } = JSON.parse(line);
  if (subtype === "init") console.error(JSON.stringify(mcp_servers));
  if (type !== "result") return;
  console.log(result ?? errors?.join("\n"));
  isAnswering = false;
  ask();
});
