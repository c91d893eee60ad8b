import { parseArgs } from "node:util";
import { errorCode } from "../errors/expected-errors.js";
import { nearNames } from "../lib/near-names.js";
import { printable, quoted } from "../lib/printable.js";
import {
  type ArgumentDefinition,
  type Command,
  type CommandInput,
  commonOptions,
  type OptionDefinitions,
} from "./define-command.js";
import { UsageError } from "./options.js";

/** Reads the arguments of a command as its definition says. `name` is for messages. Throws `UsageError`. */
export function parseArguments(
  name: string,
  command: Command,
  argv: readonly string[],
): CommandInput<OptionDefinitions> {
  const options: OptionDefinitions = { ...command.options, ...commonOptions };
  const { values, positionals, tokens } = parse(name, argv, options);
  for (const [option, value] of Object.entries(values)) {
    for (const each of [value].flat()) assertValue(option, each, options);
  }
  const end = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? argv.length;
  const after = tokens.filter(({ kind, index }) => kind === "positional" && index > end).length;
  const passed = command.passes === undefined ? 0 : after;
  const args = positionals.slice(0, positionals.length - passed);
  assertCount(name, command, args);
  // The flags of `--help` and so on are checked by `parseArgs`, which has the same definitions.
  return {
    values: values as CommandInput<OptionDefinitions>["values"],
    args,
    rest: positionals.slice(args.length),
  };
}

function parse(name: string, argv: readonly string[], options: OptionDefinitions) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true, tokens: true });
  } catch (error) {
    const code = error instanceof Error ? errorCode(error) : undefined;
    if (!(error instanceof Error) || code?.startsWith("ERR_PARSE_ARGS_") !== true) throw error;
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw unknownOption(name, error.message, options);
    const [, option, problem] = missingValue.exec(error.message) ?? [];
    if (option !== undefined) throw withoutValue(option, problem === "is ambiguous", options);
    // The first sentence says what is wrong. It contains the argument, so it must be escaped.
    const [what = ""] = printable(error.message).split(/\.(?: |\\u000a|$)/);
    throw new UsageError(`${what}. See npx mcp-auth-runtime ${name} --help`);
  }
}

function unknownOption(name: string, message: string, options: OptionDefinitions): UsageError {
  const [, option = ""] = /'(-[^']*)'/.exec(message) ?? [];
  const [near] = nearNames(option.replace(/^-+/, ""), Object.keys(options));
  const hint = near === undefined ? "" : ` Did you mean --${near}?`;
  return new UsageError(
    `${name} has no option ${quoted(option)}.${hint} See npx mcp-auth-runtime ${name} --help`,
  );
}

/** What `parseArgs` says about an option at the end, and about one before something that looks like an option. */
const missingValue = /^Option '(?:-\w, )?--([\w-]+)(?: <value>)?' argument (missing|is ambiguous)/;

function withoutValue(option: string, mayBeNext: boolean, options: OptionDefinitions): UsageError {
  const { value = option.toUpperCase() } = options[option] ?? {};
  const usage = `--${option} ${value}`;
  const other = `, or --${option}=${value} if it begins with a dash`;
  return new UsageError(`--${option} needs a value: ${usage}${mayBeNext ? other : ""}`);
}

function assertValue(option: string, value: unknown, options: OptionDefinitions): void {
  if (typeof value !== "string") return;
  const { file, value: what = "VALUE", values } = options[option] ?? {};
  // An empty path would be the working directory.
  if (value === "" && file === true)
    throw new UsageError(`--${option} needs the ${what === "FILE" ? "name of a file" : "path of a socket"}.`);
  if (values === undefined || values.includes(value)) return;
  const [near] = nearNames(value, values);
  const hint = near === undefined ? "" : `Did you mean ${near}? `;
  throw new UsageError(`--${option} cannot be ${quoted(value)}. ${hint}Use one of: ${values.join(", ")}`);
}

const whatIsMissing: Readonly<Record<ArgumentDefinition["is"], string>> = {
  server: "a server of the config",
  url: "the URL of an MCP server",
  host: "a host",
  shell: "a shell",
  text: "what the command needs",
};

function assertCount(name: string, { args: wanted = [], passes }: Command, given: readonly string[]): void {
  const usage = `npx mcp-auth-runtime ${[name, ...wanted.map(argumentText)].join(" ")}`;
  const missing = wanted[given.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new UsageError(
      `Name ${whatIsMissing[missing.is]}: ${usage}${passes === undefined ? "" : ` -- ${passes}`}`,
    );
  }
  if (given.length <= wanted.length || wanted.at(-1)?.many === true) return;
  // It is not shown: it may be a secret that the person took for an argument.
  if (passes !== undefined) throw new UsageError(`Write -- before the command: ${usage} -- ${passes}`);
  const allowed =
    wanted.length === 0 ? "no argument" : wanted.length === 1 ? "one argument" : `${wanted.length} arguments`;
  const hint = wanted.length === 0 ? ". Name a config with --config FILE." : `: ${usage}`;
  throw new UsageError(`${name} takes ${allowed}${hint}`);
}

/** Returns an argument as the usage shows it: `[SERVER…]`. */
export function argumentText({ name, optional, many }: ArgumentDefinition): string {
  const text = many === true ? `${name}…` : name;
  return optional === true ? `[${text}]` : text;
}
