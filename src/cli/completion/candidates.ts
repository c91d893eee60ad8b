import type { ArgumentDefinition, OptionDefinition } from "../define-command.js";
import { shells } from "./shells.js";
import { type Commands, readTypedLine, type TypedLine } from "./typed-line.js";

/** A word that may stand at the place that is completed. */
export interface Candidate {
  readonly word: string;
  readonly does?: string;
}

/** What a candidate depends on. */
export interface CompletionSources {
  readonly commands: Commands;
  /** Returns the names of the servers in this config, or in the one that a search finds. */
  servers(config: string | undefined): Promise<readonly string[]>;
}

/**
 * Returns what may stand in place of the last word, or `"files"` for the name of a file. `words` are those after the
 * name of the program; the last one is completed, and may be empty.
 */
export async function findCandidates(
  words: readonly string[],
  sources: CompletionSources,
): Promise<readonly Candidate[] | "files"> {
  const current = words.at(-1) ?? "";
  const line = await readTypedLine(words.slice(0, -1), sources.commands);
  const found = await candidatesAt(current, line, sources);
  if (found === "files") return found;
  return found.filter(({ word }) => word.startsWith(current) && isPlain(word));
}

/** Shells insert a candidate as it is, so it must not contain anything that a shell would act on. */
function isPlain(word: string): boolean {
  return /^[\w-][\w@%+=:,./-]*$/.test(word);
}

async function candidatesAt(
  current: string,
  line: TypedLine,
  sources: CompletionSources,
): Promise<readonly Candidate[] | "files"> {
  if (line.isPassed) return "files";
  const [, name] = /^--([^=]+)=/.exec(current) ?? [];
  const option = line.awaiting ?? name;
  if (option !== undefined) {
    const found = await valuesOf(
      Object.hasOwn(line.options, option) ? line.options[option] : undefined,
      line,
      sources,
    );
    if (found === "files" || line.awaiting !== undefined) return found;
    return found.map(({ word }) => ({ word: `--${option}=${word}` }));
  }
  if (current.startsWith("-")) return optionsOf(line);
  if (line.command === undefined) return commandWords(line.name, sources.commands);
  return await argumentsOf(line, sources);
}

async function valuesOf(
  option: OptionDefinition | undefined,
  line: TypedLine,
  sources: CompletionSources,
): Promise<readonly Candidate[] | "files"> {
  if (option?.type !== "string") return [];
  if (option.values !== undefined) return option.values.map((word) => ({ word }));
  if (option.file === true) return "files";
  return option.value === "SERVER" ? await serversOf(line, sources) : [];
}

function optionsOf({ options, used, command, name }: TypedLine): readonly Candidate[] {
  const left = Object.entries(options).filter(
    ([option, { multiple }]) => multiple === true || !used.has(option),
  );
  const found = left.map(([option, { help }]): Candidate => ({ word: `--${option}`, does: help }));
  return command === undefined && name.length === 0
    ? [...found, { word: "--version", does: "show the version" }]
    : found;
}

/** Returns the words that may follow in the name of a command. */
function commandWords(typed: readonly string[], commands: Commands): readonly Candidate[] {
  // `help token`
  const before = typed[0] === "help" ? typed.slice(1) : typed;
  const found = new Map<string, Candidate>();
  for (const [name, { summary }] of commands) {
    const words = name.split(" ");
    const word = words[before.length];
    if (word === undefined || !before.every((each, index) => each === words[index])) continue;
    const isWhole = words.length === before.length + 1;
    const group = [...commands.keys()].filter((each) => each.startsWith(`${word} `));
    const does = isWhole ? summary : group.map((each) => each.slice(word.length + 1)).join(", ");
    if (!found.has(word)) found.set(word, { word, does });
  }
  return [...found.values()];
}

async function argumentsOf(line: TypedLine, sources: CompletionSources): Promise<readonly Candidate[]> {
  const { args: wanted = [], passes } = line.command ?? {};
  const last = wanted.at(-1);
  const argument = wanted[line.args.length] ?? (last?.many === true ? last : undefined);
  if (argument !== undefined) return await valuesOfArgument(argument, line, sources);
  return passes === undefined ? [] : [{ word: "--", does: passes }];
}

async function valuesOfArgument(
  { is }: ArgumentDefinition,
  line: TypedLine,
  sources: CompletionSources,
): Promise<readonly Candidate[]> {
  switch (is) {
    case "server":
      return await serversOf(line, sources);
    case "host": {
      const { hostNames } = await import("../../proxy/host-settings/host-settings.js");
      return hostNames.map((word) => ({ word }));
    }
    case "shell":
      return shells.map((word) => ({ word }));
    case "url":
    case "text":
      return [];
  }
}

async function serversOf(
  { config, args }: TypedLine,
  { servers }: CompletionSources,
): Promise<readonly Candidate[]> {
  const names = await servers(config);
  // A name that begins like an option is a mistake in the config.
  return names.filter((name) => !name.startsWith("-") && !args.includes(name)).map((word) => ({ word }));
}
