import { relative } from "node:path";
import { type CheckedConfig, checkConfig } from "../config/load.js";
import { McpAuthError, type Violation } from "../errors/error.js";
import { printable } from "../lib/printable.js";
import type { CheckedSecrets } from "./check-secrets.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { environment, parseOptions, startingFolder, UsageError } from "./options.js";
import { replaceFile } from "./replace-file.js";

const help = `Usage: npx mcp-auth-runtime validate [--json] [--secrets] [--fix] [--config FILE] [--env-file FILE]

Checks the config and lists every mistake at once, with its place and what to write instead.

  --json      an object: file, valid, violations, warnings, secrets, skipped; error when there is no config
  --secrets   also read every secret, key and certificate that the config refers to, without showing or sending any.
              Runs the commands of "exec" references; what only code can give is skipped, and said so
  --fix       first mend, in the file, what can mean only one thing: misspelt names and values, and a variable in
              place of the reference to it. Comments and layout stay as they are
`;

/** `validate`: every violation at once. Exit code 2 when there is one. */
export async function validate(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    json: { type: "boolean" },
    secrets: { type: "boolean" },
    fix: { type: "boolean" },
  });
  if (values.help === true) {
    io.print.result(help);
    return exitCodes.done;
  }
  if (positionals.length > 0) {
    throw new UsageError("validate takes no argument; name the file with --config FILE");
  }
  const { json = false, fix = false, secrets = false } = values;
  const env = await environment(io, values["env-file"]);
  const cwd = startingFolder(io.cwd, values.config, env);
  const options = { cwd, env, cliPath: values.config };
  let checked: CheckedConfig;
  try {
    checked = await checkConfig(options);
  } catch (error) {
    // Whoever reads JSON wants to read also that there is nothing to check.
    if (!json || !(error instanceof McpAuthError)) throw error;
    io.print.json({ valid: false, violations: [], warnings: [], secrets: [], skipped: [], error }, 2);
    return exitCodeOf(error.code);
  }
  if (fix && (await wasFixed(checked, io))) checked = await checkConfig(options);
  const { file, violations, warnings, spec } = checked;
  const { failures, skipped }: CheckedSecrets =
    secrets && spec !== undefined
      ? await (await import("./check-secrets.js")).checkSecrets(spec, { env, signal: io.signal })
      : { failures: [], skipped: [] };
  const valid = violations.length + failures.length === 0;
  if (json) io.print.json({ file, valid, violations, warnings, secrets: failures, skipped }, 2);
  else {
    const shown = file === undefined ? "config" : printable(relative(cwd, file) || file);
    for (const warning of warnings) io.print.note(`warning: ${printable(warning)}`);
    for (const { message } of skipped) io.print.note(printable(message));
    report(shown, violations, failures, io);
    const servers = spec?.servers.size ?? 0;
    if (valid) io.print.result(`${shown}: no mistakes, ${servers} ${servers === 1 ? "server" : "servers"}`);
  }
  return valid ? exitCodes.done : exitCodes.usage;
}

async function wasFixed(
  { file, fixed, isForeign }: CheckedConfig,
  { print }: Pick<CommandIo, "print">,
): Promise<boolean> {
  if (fixed === undefined || file === undefined) return false;
  if (isForeign) {
    // Its owner could put a link in its place, and have this user write to any file.
    throw new UsageError(
      "The config is not changed, because the search found it in a working directory of another user. If you trust that " +
        "user, name it with --config FILE",
    );
  }
  await replaceFile(file, fixed.text);
  print.note(`${mistakes(fixed.count)} fixed`);
  return true;
}

function report(
  file: string,
  violations: readonly Violation[],
  secrets: readonly McpAuthError[],
  io: CommandIo,
): void {
  for (const violation of violations) io.print.result(line(violation, file));
  for (const failure of secrets) io.print.result(printable(`${file}: ${failure.message}`));
  const count = violations.length + secrets.length;
  if (count > 0) io.print.note(mistakes(count));
}

function mistakes(count: number): string {
  return `${count} ${count === 1 ? "mistake" : "mistakes"}`;
}

function line({ line, column, pointer, message, hint }: Violation, file: string): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const what = printable(`${place} ${pointer === "" ? "" : `${pointer} `}${message}`);
  return hint === undefined ? what : `${what}\n    ${printable(hint)}`;
}
