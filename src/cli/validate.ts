import { type CheckedConfig, checkConfig, type LoadOptions } from "../config/load.js";
import { McpAuthError, type Violation } from "../errors/error.js";
import { counted } from "../lib/counted.js";
import { printable } from "../lib/printable.js";
import { checkMachine } from "./check-machine.js";
import { defineCommand } from "./define-command.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { loadOptions, UsageError } from "./options.js";
import { replaceFile } from "./replace-file.js";
import type { CheckedSecrets } from "./secrets/check-secrets.js";
import { shownFile, violationLine } from "./violations.js";

/** `validate`: lists every violation. Exit code 2 if there is one. */
export const validate = defineCommand({
  description: `
    Checks the config and lists its mistakes, each with its position and how to correct it. A variable that is not set is
    a mistake too; its value is checked once it is set. Sends no request and reads no secret without --secrets.`,
  options: {
    json: {
      type: "boolean",
      help: "print an object: file, valid, violations, warnings, secrets, skipped; error if there is no config",
    },
    secrets: {
      type: "boolean",
      help:
        "also read every secret, key and certificate of the config, without showing any. Runs the commands of " +
        '"exec" references, and requests the identity of the platform. Secrets that only code can provide are skipped ' +
        "with a note",
    },
    "no-env": {
      type: "boolean",
      help: "read no variable, and check everything but the values of variables, as for a pull request, where none is set",
    },
    fix: {
      type: "boolean",
      help:
        "first correct the file where only one thing can be meant: misspelled names and values, a variable in place of " +
        "a reference, and a number that needs quotes. Comments and layout are kept",
    },
  },
  notes: "Exit code 2 if there is a mistake.",
  examples: [
    ["validate", "check the config that the search finds"],
    ["validate --secrets --env-file .env", "also read what it refers to, with the variables of a file"],
    ["validate --no-env", "check a pull request, without any secret or variable"],
    ["validate --fix", "correct misspelled names"],
  ],
  async run({ values }, io) {
    const { json = false, fix = false, secrets = false, "no-env": noEnv = false } = values;
    if (noEnv && (secrets || values["env-file"] !== undefined)) {
      throw new UsageError("--no-env reads no variable, so it excludes --secrets and --env-file.");
    }
    let result: Result;
    try {
      const options = { ...(await loadOptions(io, values)), ignoreVariables: noEnv };
      const checked = check(options, { fix, secrets }, io);
      result = await io.waitFor(secrets ? "Reading secrets" : "Checking the config", checked);
    } catch (error) {
      // With --json, an error is JSON too.
      if (!json || !(error instanceof McpAuthError)) throw error;
      io.print.json({ valid: false, violations: [], warnings: [], secrets: [], skipped: [], error }, 2);
      return exitCodeOf(error.code);
    }
    const { file, violations, warnings, failures, skipped } = result;
    const valid = violations.length + failures.length === 0;
    if (json) {
      const located = failures.map(({ error, place }) => ({ ...error.toJSON(), ...positionOf(place) }));
      io.print.json({ file, valid, violations, warnings, secrets: located, skipped }, 2);
    } else report(result, io);
    return valid ? exitCodes.done : exitCodes.usage;
  },
});

/** What was found in a config, and on this machine. */
interface Result extends Pick<CheckedSecrets, "skipped"> {
  /** The working directory. */
  readonly cwd: string;
  /** Absolute; absent if it is not known. */
  readonly file: string | undefined;
  readonly violations: readonly Violation[];
  /** What is wrong with secrets, with the violation that has the place. */
  readonly failures: readonly { readonly error: McpAuthError; readonly place: Violation }[];
  readonly warnings: readonly string[];
  readonly servers: number;
  /** Whether the config has references to secrets that were not read. */
  readonly hasUnread: boolean;
  readonly ignoresVariables: boolean;
}

async function check(
  options: LoadOptions,
  { fix, secrets }: { readonly fix: boolean; readonly secrets: boolean },
  io: CommandIo,
): Promise<Result> {
  const { cwd, env } = options;
  let checked = await checkConfig(options);
  if (fix && (await applyFixes(checked, io))) checked = await checkConfig(options);
  const { file, spec, document, violations, warnings } = checked;
  const base = {
    cwd,
    file,
    violations,
    warnings,
    failures: [],
    skipped: [],
    servers: spec?.servers.size ?? 0,
    hasUnread: false,
    ignoresVariables: options.ignoreVariables === true,
  };
  if (document === undefined) return base;
  const machine = await checkMachine(document, { env });
  const onMachine = await document.locate(machine.mistakes);
  const result = {
    ...base,
    violations: inOrder([...violations, ...onMachine.map(({ violation }) => violation)], file),
    warnings: [...warnings, ...machine.warnings],
  };
  if (!secrets) {
    const { findReferences } = await import("../config/find-references.js");
    return { ...result, hasUnread: findReferences(document.value, document.folder).length > 0 };
  }
  const { checkSecrets } = await import("./secrets/check-secrets.js");
  const found = await checkSecrets({ document, spec }, { env, signal: io.signal });
  const failures = await document.locate(found.failures);
  const unusual = await document.locate(found.warnings);
  return {
    ...result,
    failures: failures.map(({ mistake: { error }, violation }) => ({ error, place: violation })),
    warnings: [...result.warnings, ...unusual.map(({ violation }) => violationLine(violation, cwd))],
    skipped: found.skipped,
  };
}

/** Returns whether the file was changed. */
async function applyFixes(
  { file, fixed, isForeign }: CheckedConfig,
  { print }: Pick<CommandIo, "print">,
): Promise<boolean> {
  if (fixed === undefined || file === undefined) return false;
  if (isForeign) {
    // The owner of the folder could replace the file with a link, and make this user write to any file.
    throw new UsageError(
      "The config is not changed, because the search found it in a working directory of another user. If you trust " +
        "that user, name the config with --config FILE.",
    );
  }
  await replaceFile(file, fixed.text);
  print.note(`${counted(fixed.count, "mistake")} fixed`);
  return true;
}

function report(
  { cwd, file, violations, warnings, failures, skipped, servers, hasUnread, ignoresVariables }: Result,
  io: CommandIo,
): void {
  for (const warning of warnings) io.print.note(`warning: ${printable(warning)}`);
  for (const { message } of skipped) io.print.note(printable(message));
  // A violation may be in a file that the config imports.
  for (const violation of inOrder([...violations, ...failures.map(({ place }) => place)], file)) {
    io.print.result(violationLine(violation, cwd));
  }
  const count = violations.length + failures.length;
  if (count > 0) {
    io.print.note(counted(count, "mistake"));
    return;
  }
  const unread = hasUnread ? ` (secrets not read${ignoresVariables ? "" : ": add --secrets"})` : "";
  io.print.result(
    `${file === undefined ? "config" : shownFile(file, cwd)}: no mistakes, ${counted(servers, "server")}${unread}`,
  );
}

/** Sorts by the order of the config, with an imported file last. */
function inOrder(violations: readonly Violation[], config: string | undefined): readonly Violation[] {
  return violations.toSorted((a, b) => {
    const order = Number(a.file !== config) - Number(b.file !== config);
    return order || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
  });
}

function positionOf({ file, line, column, pointer }: Violation) {
  return { file, line, column, pointer };
}
