import type { Registered } from "../commands.js";
import { type Command, commonOptions, type OptionDefinitions } from "../define-command.js";

export type Commands = ReadonlyMap<string, Registered>;

/** What stands before the word that is completed. It may be incomplete, or wrong. */
export interface TypedLine {
  /** The words of the command so far: `["token"]`, or `["keys"]`, which is only the first word of one. */
  readonly name: readonly string[];
  /** Present once the command is known. */
  readonly command?: Command;
  readonly args: readonly string[];
  /** The options of the command, or those of every command. */
  readonly options: OptionDefinitions;
  /** The names of the options that were typed. */
  readonly used: ReadonlySet<string>;
  readonly config?: string;
  /** The option whose value is completed. */
  readonly awaiting?: string;
  /** Whether the words after `--` have begun. */
  readonly isPassed: boolean;
}

/** Reads the words before the one that is completed. Options may come before the command. */
export async function readTypedLine(words: readonly string[], commands: Commands): Promise<TypedLine> {
  let line: TypedLine = { name: [], args: [], options: commonOptions, used: new Set(), isPassed: false };
  for (const word of words) {
    if (line.isPassed) break;
    line = await withWord(line, word, commands);
  }
  return line;
}

async function withWord(line: TypedLine, word: string, commands: Commands): Promise<TypedLine> {
  const { awaiting, ...before } = line;
  if (awaiting !== undefined) return awaiting === "config" ? { ...before, config: word } : before;
  if (word === "--") return { ...line, isPassed: true };
  if (word.startsWith("--")) return await withOption(line, word.slice(2), commands);
  if (word.startsWith("-") && word !== "-") {
    const named = Object.entries(line.options).filter(([, { short }]) => word === `-${short}`);
    return { ...line, used: new Set([...line.used, ...named.map(([option]) => option)]) };
  }
  if (line.command !== undefined) return { ...line, args: [...line.args, word] };
  const name = [...line.name, word];
  const command = await commands.get(name.join(" "))?.load();
  if (command === undefined) return { ...line, name };
  return { ...line, name, command, options: { ...command.options, ...commonOptions } };
}

async function withOption(line: TypedLine, text: string, commands: Commands): Promise<TypedLine> {
  const [option = "", ...value] = text.split("=");
  const after = { ...line, used: new Set([...line.used, option]) };
  if (value.length > 0) return option === "config" ? { ...after, config: value.join("=") } : after;
  return (await takesValue(option, line, commands)) ? { ...after, awaiting: option } : after;
}

async function takesValue(
  option: string,
  { options, command }: TypedLine,
  commands: Commands,
): Promise<boolean> {
  const known = Object.hasOwn(options, option) ? options[option] : undefined;
  if (known !== undefined || command !== undefined) return known?.type === "string";
  // An option before the name of its command. An option has the same type in all commands.
  const loaded = await Promise.all([...commands.values()].map(({ load }) => load()));
  return loaded.some(({ options: all = {} }) => Object.hasOwn(all, option) && all[option]?.type === "string");
}
