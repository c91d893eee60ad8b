import { relative } from "node:path";
import { printable } from "../config/format-violation.js";
import { type CheckedConfig, checkConfig } from "../config/load.js";
import { McpAuthError, type Violation } from "../errors/error.js";
import type { CheckedSecrets } from "./check-secrets.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { environment, parseOptions, UsageError } from "./options.js";
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
    io.out(help);
    return exitCodes.done;
  }
  if (positionals.length > 0) {
    throw new UsageError("validate takes no argument; name the file with --config FILE");
  }
  const { json = false, fix = false, secrets = false } = values;
  const env = await environment(io, values["env-file"]);
  const options = { cwd: io.cwd, env, cliPath: values.config };
  let checked: CheckedConfig;
  try {
    checked = await checkConfig(options);
  } catch (error) {
    // Whoever reads JSON wants to read also that there is nothing to check.
    if (!json || !(error instanceof McpAuthError)) throw error;
    printJson(io, { valid: false, violations: [], warnings: [], secrets: [], skipped: [], error });
    return exitCodeOf(error.code);
  }
  if (fix && checked.fixed !== undefined && checked.file !== undefined) {
    const { text, count } = checked.fixed;
    await replaceFile(checked.file, text);
    io.err(`${mistakes(count)} mended\n`);
    checked = await checkConfig(options);
  }
  const { file, violations, warnings, spec } = checked;
  const { failures, skipped }: CheckedSecrets =
    secrets && spec !== undefined
      ? await (await import("./check-secrets.js")).checkSecrets(spec, { env, signal: io.signal })
      : { failures: [], skipped: [] };
  const valid = violations.length + failures.length === 0;
  if (json) printJson(io, { file, valid, violations, warnings, secrets: failures, skipped });
  else {
    const shown = file === undefined ? "config" : relative(io.cwd, file) || file;
    for (const warning of warnings) io.err(`warning: ${printable(warning)}\n`);
    for (const { message } of skipped) io.err(`${printable(message)}\n`);
    report(shown, violations, failures, io);
    const servers = spec?.servers.size ?? 0;
    if (valid) io.out(`${shown}: no mistakes, ${servers} ${servers === 1 ? "server" : "servers"}\n`);
  }
  return valid ? exitCodes.done : exitCodes.usage;
}

function printJson(io: CommandIo, value: object): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}

function report(
  file: string,
  violations: readonly Violation[],
  secrets: readonly McpAuthError[],
  io: CommandIo,
): void {
  for (const violation of violations) io.out(`${line(violation, file)}\n`);
  for (const failure of secrets) io.out(`${printable(`${file}: ${failure.message}`)}\n`);
  const count = violations.length + secrets.length;
  if (count > 0) io.err(`${mistakes(count)}\n`);
}

function mistakes(count: number): string {
  return `${count} ${count === 1 ? "mistake" : "mistakes"}`;
}

function line({ line, column, pointer, message, hint }: Violation, file: string): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const what = printable(`${place} ${pointer === "" ? "" : `${pointer} `}${message}`);
  return hint === undefined ? what : `${what}\n    ${printable(hint)}`;
}
