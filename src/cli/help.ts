import { wrapAnsi } from "fast-wrap-ansi";
import { version } from "../lib/version.js";
import { commands, commandsOfGroup } from "./commands.js";
import {
  type Command,
  commonOptions,
  type OptionDefinition,
  type OptionDefinitions,
} from "./define-command.js";
import { exitCodeMeanings } from "./exit-code.js";
import { argumentText } from "./parse-arguments.js";

const program = "npx mcp-auth-runtime";

/** Columns of a line of help. */
const width = 100;

/** Columns of the terms of a list. Longer ones have a line of their own. */
const termColumns = 30;

/** Returns the help of one command. */
export function commandHelp(name: string, command: Command): string {
  const { description, options = {}, notes, examples } = command;
  return [
    usage(name, command),
    wrap(description),
    section("Options", optionRows({ ...options, ...commonOptions })),
    ...(notes === undefined ? [] : [wrap(notes)]),
    section(
      "Examples",
      examples.map(([line, does]) => [`${program} ${line}`, does]),
      66,
    ),
  ].join("\n\n");
}

/** Returns the list of all commands, or of those of a group. */
export async function overview(group?: string): Promise<string> {
  const names = group === undefined ? [...commands.keys()] : commandsOfGroup(group);
  const rows = await Promise.all(
    [...commands]
      .filter(([name]) => names.includes(name))
      .map(async ([name, { summary, load }]): Promise<Row> => {
        const { args = [], passes } = await load();
        const rest = passes === undefined ? [] : ["-- COMMAND"];
        return [[name, ...args.map(argumentText), ...rest].join(" "), summary];
      }),
  );
  if (group !== undefined)
    return [`Usage: ${program} ${group} COMMAND [OPTIONS]`, section("Commands", rows)].join("\n\n");
  return [
    `mcp-auth-runtime ${version}: machine-to-machine authorization for MCP`,
    `Usage: ${program} COMMAND [OPTIONS]`,
    section("Commands", rows),
    section("Options of every command", [...optionRows(commonOptions), ["--version", "show the version"]]),
    wrap(`Start with "${program} init URL". If something fails, "${program} doctor" says why.`),
    section(
      "Exit codes",
      exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]),
    ),
  ].join("\n\n");
}

/** Returns the usage line of a command: `Usage: npx mcp-auth-runtime token SERVER [OPTIONS]`. */
export function usage(name: string, { args = [], passes }: Command): string {
  const rest = passes === undefined ? "" : ` -- ${passes}`;
  return `Usage: ${[program, name, ...args.map(argumentText), "[OPTIONS]"].join(" ")}${rest}`;
}

/** Returns an option as people type it: `-h, --help` or `--config FILE`. */
export function optionText(name: string, { short, value, values, type }: OptionDefinition): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const placeholder = value ?? (values === undefined ? "VALUE" : name.toUpperCase());
  return type === "string" ? `${names} ${placeholder}` : names;
}

type Row = readonly [term: string, text: string];

function optionRows(options: OptionDefinitions): readonly Row[] {
  return Object.entries(options).map(([name, option]) => {
    const allowed = option.values === undefined ? "" : `: ${option.values.join(", ")}`;
    return [optionText(name, option), `${option.help}${allowed}`];
  });
}

/** Returns a list with its heading, the terms in a column of their own if they are short. */
function section(heading: string, rows: readonly Row[], maxColumn = termColumns): string {
  const column = Math.min(maxColumn, Math.max(...rows.map(([term]) => term.length)));
  const lines = rows.flatMap(([term, text]) => {
    const wrapped = wrap(text, Math.max(40, width - column - 4)).split("\n");
    const indented = wrapped.map((line) => `${" ".repeat(column + 4)}${line}`);
    if (term.length > column) return [`  ${term}`, ...indented];
    return [`  ${term.padEnd(column)}  ${wrapped[0] ?? ""}`, ...indented.slice(1)];
  });
  return [heading, ...lines].join("\n");
}

/** Breaks each paragraph into lines. */
function wrap(text: string, columns = width): string {
  const paragraphs = text.trim().split(/\n\s*\n/);
  return paragraphs.map((each) => wrapAnsi(each.replaceAll(/\s+/g, " "), columns)).join("\n\n");
}
