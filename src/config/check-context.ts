import { nearNames } from "../lib/near-names.js";
import { someOf } from "../lib/printable.js";
import { findUrlProblem } from "./check-url.js";
import { entries, isObject, type Json, type Path, property } from "./json.js";
import type { Mistake } from "./source-document.js";

/** A mistake without its path. */
export type Report = Omit<Mistake, "path">;

/** Functions that all semantic checks share. */
export interface CheckContext {
  readonly report: (path: Path, mistake: Report) => void;
  /** Returns the string at a path, or `undefined` for another type and for a string with an unresolved `${…}`. */
  readonly resolvedText: (value: Json | undefined, path: Path) => string | undefined;
  readonly checkUrl: (value: Json | undefined, path: Path, kind: "url" | "issuer") => void;
  /** Reports the name of a client or key that is not defined. */
  readonly checkName: (value: Json | undefined, path: Path, section: Section) => void;
}

type Section = "clients" | "keys";

export interface CheckOptions {
  readonly config: Json;
  /** Whether the string at a path has a `${…}` without a value. */
  readonly isUnresolved: (path: Path) => boolean;
  /** Hosts whose URLs may be http, as in `URL.hostname`; `undefined` if a variable without a value is among them. */
  readonly insecureHosts: ReadonlySet<string> | undefined;
}

export interface Findings {
  readonly mistakes: Mistake[];
  /** `http:` URLs that are not on loopback. They break only the servers that use them. */
  readonly insecureUrls: Mistake[];
}

/** Returns a context that adds what the checks report to `findings`. */
export function createCheckContext(
  { config, isUnresolved, insecureHosts }: CheckOptions,
  { mistakes, insecureUrls }: Findings,
): CheckContext {
  const report = (path: Path, mistake: Report): void => {
    mistakes.push({ path, ...mistake });
  };
  const resolvedText = (value: Json | undefined, path: Path): string | undefined => {
    return typeof value === "string" && !isUnresolved(path) ? value : undefined;
  };
  const names = { clients: namesIn(config, "clients"), keys: namesIn(config, "keys") };
  return {
    report,
    resolvedText,
    checkUrl(value, path, kind) {
      const url = resolvedText(value, path);
      const problem = url === undefined ? undefined : findUrlProblem(url, kind);
      if (problem === undefined) return;
      if (problem.insecureHost === undefined) report(path, problem.mistake);
      else if (insecureHosts?.has(problem.insecureHost) === false) {
        insecureUrls.push({ path, ...problem.mistake });
      }
    },
    checkName(value, path, section) {
      const name = resolvedText(value, path);
      // The schema reports an empty name.
      if (name === undefined || name === "" || names[section].has(name)) return;
      if (!isMisspelled(config, section)) report(path, undefinedName(name, [...names[section]], section));
    },
  };
}

function namesIn(config: Json, section: Section): ReadonlySet<string> {
  return new Set(entries(property(config, section)).map(([name]) => name));
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
