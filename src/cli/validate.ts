import { relative } from "node:path";
import { printable } from "../config/format-violation.js";
import { checkConfig } from "../config/load.js";
import type { McpAuthError, Violation } from "../errors/error.js";
import { checkSecrets } from "./check-secrets.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { environment, parseOptions, UsageError } from "./options.js";
import { replaceFile } from "./replace-file.js";

const help = `Usage: npx mcp-auth-runtime validate [--json] [--secrets] [--fix] [--config FILE] [--env-file FILE]

Checks the config and lists every mistake at once, with its place and what to write instead.

  --json      an object: file, valid, violations, secrets
  --secrets   also read every secret and key that the config refers to, without showing or sending any
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
  const env = await environment(io, values["env-file"]);
  const options = { cwd: io.cwd, env, cliPath: values.config };
  let checked = await checkConfig(options);
  if (values.fix === true && checked.fixed !== undefined && checked.file !== undefined) {
    const { text, count } = checked.fixed;
    await replaceFile(checked.file, text);
    io.err(`${mistakes(count)} mended\n`);
    checked = await checkConfig(options);
  }
  const { file, violations, spec } = checked;
  const secrets = values.secrets === true && spec !== undefined ? await checkSecrets(spec, env) : [];
  const valid = violations.length + secrets.length === 0;
  if (values.json === true) {
    io.out(`${JSON.stringify({ file, valid, violations, secrets }, null, 2)}\n`);
  } else {
    const shown = file === undefined ? "config" : relative(io.cwd, file) || file;
    report(shown, violations, secrets, io);
    const servers = spec?.servers.size ?? 0;
    if (valid) io.out(`${shown}: no mistakes, ${servers} ${servers === 1 ? "server" : "servers"}\n`);
  }
  return valid ? exitCodes.done : exitCodes.usage;
}

function report(
  file: string,
  violations: readonly Violation[],
  secrets: readonly McpAuthError[],
  io: CommandIo,
): void {
  for (const violation of violations) io.out(`${line(violation, file)}\n`);
  for (const failure of secrets) io.out(`${file}: ${failure.message}\n`);
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
