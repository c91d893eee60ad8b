import { didYouMean } from "../lib/near-names.js";
import { quoted } from "../lib/printable.js";
import { commands, commandsOfGroup } from "./commands.js";
import { commonOptions, type OptionDefinition } from "./define-command.js";
import { UsageError } from "./options.js";

/** What the person asks for. */
export type Request =
  /** A command with these arguments. */
  | { readonly kind: "command"; readonly name: string; readonly args: readonly string[] }
  /** The help of one command, of a group, or of all (without a name). */
  | { readonly kind: "help"; readonly name?: string }
  | { readonly kind: "version" }
  /** Nothing was typed but options. */
  | { readonly kind: "nothing" };

/**
 * Finds the command in a command line. Options may come before it and between its words. Throws `UsageError` if there is
 * no such command.
 */
export async function findCommand(argv: readonly string[]): Promise<Request> {
  const [first, second, third] = await words(argv);
  const before = argv.slice(0, first ?? argv.length);
  if (first === undefined) {
    if (before.includes("--version")) return { kind: "version" };
    return isHelp(before) ? { kind: "help" } : { kind: "nothing" };
  }
  const word = argv[first] ?? "";
  if (word === "help") return await helpRequest([second, third].flatMap((at) => argv[at ?? -1] ?? []));
  if (commands.has(word)) return command(word, argv, [first]);
  const group = commandsOfGroup(word);
  if (group.length === 0) throw unknownCommand(word, [...commands.keys(), ...groups()]);
  const name = `${word} ${second === undefined ? "" : argv[second]}`;
  if (second !== undefined && commands.has(name)) return command(name, argv, [first, second]);
  if (isHelp(argv)) return { kind: "help", name: word };
  if (second === undefined) throw new UsageError(`${word} needs one of its commands: ${group.join(", ")}`);
  throw unknownCommand(name, group);
}

function command(name: string, argv: readonly string[], places: readonly number[]): Request {
  const args = argv.filter((_, at) => !places.includes(at));
  const end = args.indexOf("--");
  return isHelp(end === -1 ? args : args.slice(0, end))
    ? { kind: "help", name }
    : { kind: "command", name, args };
}

/** `help`, `help token` and `help keys generate`. */
async function helpRequest([first, second]: readonly string[]): Promise<Request> {
  if (first === undefined) return { kind: "help" };
  const found = await findCommand([first, ...(second === undefined ? [] : [second]), "--help"]);
  return found;
}

function isHelp(args: readonly string[]): boolean {
  return args.some((arg) => arg === "--help" || arg === "-h");
}

function unknownCommand(name: string, candidates: readonly string[]): UsageError {
  return new UsageError(
    `There is no command ${quoted(name)}.${didYouMean(name, candidates)} See npx mcp-auth-runtime --help`,
  );
}

function groups(): readonly string[] {
  return [...new Set([...commands.keys()].flatMap((name) => (name.includes(" ") ? name.split(" ", 1) : [])))];
}

/** Returns the places of the first three arguments that are neither options nor values of options. */
async function words(argv: readonly string[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (let at = 0; at < argv.length && found.length < 3; at += 1) {
    const arg = argv[at] ?? "";
    if (arg === "--") break;
    if (!arg.startsWith("-") || arg === "-") found.push(at);
    else if (!arg.includes("=") && (await takesValue(arg))) at += 1;
  }
  return found;
}

async function takesValue(arg: string): Promise<boolean> {
  const name = arg.slice(2);
  const common: Readonly<Record<string, OptionDefinition>> = commonOptions;
  if (!arg.startsWith("--") || name === "version") return false;
  if (Object.hasOwn(common, name)) return common[name]?.type === "string";
  // An option of a command before its name. An option has the same type in all commands.
  const loaded = await Promise.all([...commands.values()].map(({ load }) => load()));
  return loaded.some(({ options = {} }) => Object.hasOwn(options, name) && options[name]?.type === "string");
}
