import { relative } from "node:path";
import { isCommandProcess } from "./command-process.js";
import { type EnvFile, findEnvFiles } from "./env-file-names.js";
import { nearNames } from "./near-names.js";
import type { AllowRules } from "./permissions.js";
import { printable } from "./printable.js";
import { shellQuoted } from "./shell-quoted.js";
import { workingFolder } from "./working-folder.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where to look for what was meant by a variable that has no value. */
export interface UnsetOptions {
  readonly env: Environment;
  /** The folder of the config, in which `.env` files are looked for. Absent: none are. */
  readonly folder?: string | undefined;
  /** Only names and files that it permits are named. Absent: all are. */
  readonly allow?: AllowRules | undefined;
  /** Whether this process is a command. Default: what it is. */
  readonly isCommand?: boolean | undefined;
}

/** Why a variable has no value, and what to do. No value of a variable is in it. */
export interface UnsetVariable {
  /** A clause whose subject is the name of the variable: `is not set, but …`. */
  readonly problem: string;
  /** Without the period. */
  readonly remedy: string;
}

/** Explains why a variable has no value. It is either not set or empty. */
export async function explainUnset(name: string, options: UnsetOptions): Promise<UnsetVariable> {
  return (await unsetExplainer(options))(name);
}

/** Returns a function that explains variables without a value, for several of them: it looks for files once. */
export async function unsetExplainer({
  env,
  folder,
  allow,
  isCommand = isCommandProcess(),
}: UnsetOptions): Promise<(name: string) => UnsetVariable> {
  const files = folder === undefined ? [] : await findEnvFiles(folder, allow);
  const isShown = (other: string) => (env[other] ?? "") !== "" && allow?.variable(other) !== false;
  let shown: readonly string[] | undefined;
  return (name) => {
    const file = files.find(({ names }) => names.has(name));
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined) return empty(file, isCommand, (env["CI"] ?? "") !== "");
    if (file !== undefined) {
      const { path, load } = loading(file, isCommand);
      return { problem: `is not set, but ${path} has it`, remedy: `Load that file ${load}, or set it` };
    }
    shown ??= Object.keys(env).filter(isShown);
    return near(name, shown) ?? nearInFile(name, files, isCommand) ?? notSet(isCommand);
  };
}

function notSet(isCommand: boolean): UnsetVariable {
  const load = isCommand ? "--env-file FILE" : "node --env-file=FILE";
  return { problem: "is not set", remedy: `Set it, or load a file that has it with ${load}` };
}

function empty(file: EnvFile | undefined, isCommand: boolean, isCi: boolean): UnsetVariable {
  if (file === undefined) {
    const inCi = isCi ? ". In CI, a job without access to a secret gets an empty variable" : "";
    return { problem: "is set, but empty", remedy: `Give it a value${inCi}` };
  }
  const { path, load } = loading(file, isCommand);
  return {
    problem: `is set, but empty, although ${path} has a value for it`,
    remedy: `Unset it, because variables that are set take precedence, and load that file ${load}`,
  };
}

/** Explains a name that is similar to the name of a variable that is set. */
function near(name: string, names: readonly string[]): UnsetVariable | undefined {
  const sameLetters = names.find((other) => other.toLowerCase() === name.toLowerCase());
  if (sameLetters !== undefined) {
    return {
      problem: `is not set, but ${printable(sameLetters)} is, and upper and lower case count`,
      remedy: "Correct one of the two names",
    };
  }
  const similar = names.find((other) => isMisspelling(name, other));
  if (similar === undefined) return undefined;
  return { problem: `is not set, but ${printable(similar)} is`, remedy: "Correct one of the two names" };
}

/** Explains a name that is similar to a name in a file that nobody has loaded. */
function nearInFile(name: string, files: readonly EnvFile[], isCommand: boolean): UnsetVariable | undefined {
  for (const file of files) {
    for (const other of file.names) {
      if (other.toLowerCase() !== name.toLowerCase() && !isMisspelling(name, other)) continue;
      const { path, load } = loading(file, isCommand);
      return {
        problem: `is not set, but ${path} has ${printable(other)}`,
        remedy: `Correct one of the two names, and load that file ${load}`,
      };
    }
  }
  return undefined;
}

/** The fewest letters of a word that can be misspelled: `CRM_SECRET` and `ERP_SECRET` are two names. */
const shortestWord = 4;

/** Whether only the underscores differ, or one long word that has no digit. */
function isMisspelling(name: string, other: string): boolean {
  const words = name.toUpperCase().split("_");
  const others = other.toUpperCase().split("_");
  if (words.join("") === others.join("")) return true;
  if (words.length !== others.length) return false;
  const [difference, another] = words.flatMap((word, index) =>
    word === others[index] ? [] : [{ word, with: others[index] ?? "" }],
  );
  if (difference === undefined || another !== undefined) return false;
  const isLong = Math.min(difference.word.length, difference.with.length) >= shortestWord;
  return (
    isLong &&
    !/\d/.test(difference.word + difference.with) &&
    nearNames(difference.word, [difference.with]).length > 0
  );
}

/** Returns the file as messages show it, and how to load it: as the end of a sentence. */
function loading({ file }: EnvFile, isCommand: boolean): { readonly path: string; readonly load: string } {
  const folder = workingFolder();
  const fromHere = folder === undefined ? file : relative(folder, file);
  // Up and then down again is harder to read than the full path.
  const path = /^\.\.[\\/](?:.*[\\/])?(?!\.\.[\\/])[^\\/]+[\\/]/.test(fromHere) ? file : fromHere;
  const option = isCommand ? "--env-file " : "node --env-file=";
  return { path: printable(path), load: `with ${option}${shellQuoted(path)}` };
}
