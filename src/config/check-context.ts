import { nearNames } from "../lib/near-names.js";
import { someOf } from "../lib/printable.js";
import { findUrlProblem } from "./check-url.js";
import { entries, isObject, type Json, member, type Path, property, valueAt } from "./json.js";
import type { Mistake } from "./source-document.js";
import { foreignValue, foreignVariable } from "./variable-spelling.js";

/** A mistake without its path. */
export type Report = Omit<Mistake, "path">;

/**
 * Functions that all semantic checks share. Each looks at a property of a value or an item of a list, which has the
 * path `[...path, name]`. A large config has many properties and few mistakes, so the path is made only if needed.
 */
export interface CheckContext {
  readonly report: (path: Path, mistake: Report) => void;
  /** Returns the value at a path as in the file, without the values of variables. */
  readonly written: (path: Path) => Json | undefined;
  /** Returns a string, or `undefined` for a value of another type and for a string with an unresolved `${…}`. */
  readonly resolvedText: (value: Json | undefined, path: Path, name: string) => string | undefined;
  /** Reports a variable that is written as in another tool: `$NAME`, `%NAME%` or `{env:NAME}`. */
  readonly checkVariables: (value: Json | undefined, path: Path, name: string) => void;
  /** Reports a text that is only such a variable, in place of text or of a reference. */
  readonly checkValue: (value: Json | undefined, path: Path, name: string) => void;
  readonly checkUrl: (value: Json | undefined, path: Path, name: string, kind: "url" | "issuer") => void;
  /**
   * Reports what `find` finds in a string, once all other checks are done. It is called once for each text, because
   * servers often have the same, and it is slow.
   */
  readonly checkOnce: (value: Json | undefined, path: Path, name: string, find: SlowCheck) => void;
  /** Reports the name of a client or key that is not defined. */
  readonly checkName: (value: Json | undefined, path: Path, name: string, section: Section) => void;
}

export type SlowCheck = (text: string) => Report | undefined | Promise<Report | undefined>;

type FindVariable = (text: string) => Report | undefined;

type Section = "clients" | "keys";

export interface CheckOptions {
  readonly config: Json;
  /** The config as in the file, without the values of its variables. */
  readonly source: Json;
  /** Whether the string at a path has a `${…}` without a value. */
  readonly isUnresolved: (path: Path) => boolean;
  /** Hosts whose URLs may be http, as in `URL.hostname`; `undefined` if a variable without a value is among them. */
  readonly insecureHosts: ReadonlySet<string> | undefined;
}

export interface Findings {
  readonly mistakes: Mistake[];
  /** `http:` URLs that are not on loopback. They break only the servers that use them. */
  readonly insecureUrls: Mistake[];
  /** The paths of the texts that each slow check is to be called with. */
  readonly slowChecks: Map<SlowCheck, Map<string, Path[]>>;
}

/** Runs the checks that were put off, and reports what they find. */
export async function runSlowChecks({ slowChecks, mistakes }: Findings): Promise<void> {
  for (const [find, texts] of slowChecks) {
    for (const [text, paths] of texts) {
      const mistake = await find(text);
      if (mistake === undefined) continue;
      for (const path of paths) mistakes.push({ path, ...mistake });
    }
  }
}

/** Returns a context that adds what the checks report to `findings`. */
export function createCheckContext(
  { config, source, isUnresolved, insecureHosts }: CheckOptions,
  { mistakes, insecureUrls, slowChecks }: Findings,
): CheckContext {
  const report = (path: Path, mistake: Report): void => {
    mistakes.push({ path, ...mistake });
  };
  const resolvedText: CheckContext["resolvedText"] = (value, path, name) => {
    const text = member(value, name);
    if (typeof text !== "string") return undefined;
    // Text with an unresolved `${…}` is as in the file.
    return text.includes("${") && isUnresolved([...path, name]) ? undefined : text;
  };
  /** Reports what `find` finds in a text of the file, and returns whether it found something. */
  const checkWritten = (value: Json | undefined, path: Path, name: string, find: FindVariable): boolean => {
    const text = resolvedText(value, path, name);
    if (text === undefined || !/[$%{]/.test(text)) return false;
    const at = [...path, name];
    // Not in the value of a variable, which is not interpolated again.
    const written = valueAt(source, at);
    const mistake = typeof written === "string" ? find(written) : undefined;
    if (mistake !== undefined) report(at, mistake);
    return mistake !== undefined;
  };
  const names = { clients: namesIn(config, "clients"), keys: namesIn(config, "keys") };
  return {
    report,
    written: (path) => valueAt(source, path),
    resolvedText,
    checkVariables(value, path, name) {
      checkWritten(value, path, name, foreignVariable);
    },
    checkValue(value, path, name) {
      checkWritten(value, path, name, foreignValue);
    },
    checkUrl(value, path, name, kind) {
      if (checkWritten(value, path, name, foreignVariable)) return;
      const url = resolvedText(value, path, name);
      const problem = url === undefined ? undefined : findUrlProblem(url, kind);
      if (problem === undefined) return;
      if (problem.insecureHost === undefined) report([...path, name], problem.mistake);
      else if (insecureHosts?.has(problem.insecureHost) === false) {
        insecureUrls.push({ path: [...path, name], ...problem.mistake });
      }
    },
    checkOnce(value, path, name, find) {
      const text = resolvedText(value, path, name);
      // The schema reports empty strings.
      if (text === undefined || text === "") return;
      const texts = slowChecks.get(find) ?? new Map<string, Path[]>();
      slowChecks.set(find, texts);
      const paths = texts.get(text) ?? [];
      texts.set(text, paths);
      paths.push([...path, name]);
    },
    checkName(value, path, name, section) {
      const used = resolvedText(value, path, name);
      // The schema reports an empty name.
      if (used === undefined || used === "" || property(property(config, section), used) !== undefined)
        return;
      if (!isMisspelled(config, section))
        report([...path, name], undefinedName(used, names[section], section));
    },
  };
}

function namesIn(config: Json, section: Section): readonly string[] {
  return entries(property(config, section)).map(([name]) => name);
}

/** Whether the section is probably present under a misspelled name, which the schema reports. */
function isMisspelled(config: Json, section: Section): boolean {
  if (!isObject(config) || Object.hasOwn(config, section)) return false;
  return nearNames(section, Object.keys(config)).length > 0;
}

// A limit, because comparing a name with all names of a large config would take too long.
const maxCompared = 1_000;

function undefinedName(name: string, names: readonly string[], section: Section): Report {
  const [near] = nearNames(name, names.slice(0, maxCompared));
  const defined = names.length === 0 ? `There are no \`${section}\`` : `\`${section}\` has: ${someOf(names)}`;
  return {
    message: `Must be the name of one of the \`${section}\``,
    hint: near === undefined ? defined : `Did you mean "${near}"?`,
    ...(near !== undefined && { fix: { kind: "text", to: near } as const }),
  };
}
