import { nearNames } from "../lib/near-names.js";
import { someOf } from "../lib/printable.js";
import { checkUrl } from "./check-url.js";
import { isObject, type Json, type Mistake, type Path, property } from "./source-document.js";

/** Where the checks of meaning put what they find, and what they ask all the time. */
export interface CheckContext {
  readonly report: (path: Path, mistake: Omit<Mistake, "path">) => void;
  /** The string at a place; `undefined` for anything else and for one whose `${…}` is not filled in. */
  readonly text: (value: Json | undefined, path: Path) => string | undefined;
  readonly url: (value: Json | undefined, path: Path, what: "url" | "issuer") => void;
  /** Reports a name that nothing in `clients` or `keys` has. */
  readonly name: (value: Json | undefined, path: Path, among: "clients" | "keys") => void;
}

export interface CheckOptions {
  readonly config: Json;
  /** Says of a place that its `${…}` is not filled in. */
  readonly isOpen: (path: Path) => boolean;
  /** Hosts, as `URL.hostname` gives them, whose URLs may be http; `undefined` while that is not known. */
  readonly insecureHosts: ReadonlySet<string> | undefined;
}

export interface Findings {
  readonly mistakes: Mistake[];
  /** `http:` URLs off loopback. They do not break the config, only the servers that use them. */
  readonly insecure: Mistake[];
}

export function createCheckContext(
  { config, isOpen, insecureHosts }: CheckOptions,
  { mistakes, insecure }: Findings,
): CheckContext {
  const report = (path: Path, mistake: Omit<Mistake, "path">): void => {
    mistakes.push({ path, ...mistake });
  };
  const text = (value: Json | undefined, path: Path): string | undefined => {
    return typeof value === "string" && !isOpen(path) ? value : undefined;
  };
  const names = { clients: namesIn(config, "clients"), keys: namesIn(config, "keys") };
  return {
    report,
    text,
    url(value, path, what) {
      const written = text(value, path);
      const finding = written === undefined ? undefined : checkUrl(written, what);
      if (finding === undefined) return;
      if (finding.insecureHost === undefined) report(path, finding.mistake);
      else if (insecureHosts?.has(finding.insecureHost) === false)
        insecure.push({ path, ...finding.mistake });
    },
    name(value, path, among) {
      const name = text(value, path);
      if (name === undefined || name === "" || names[among].has(name) || isMisspelt(config, among)) return;
      report(path, undefinedName(name, [...names[among]], among));
    },
  };
}

function namesIn(config: Json, among: string): ReadonlySet<string> {
  return new Set(entries(property(config, among)).map(([name]) => name));
}

export function entries(value: Json | undefined): readonly (readonly [string, Json])[] {
  return isObject(value) ? Object.entries(value) : [];
}

/** Whether the names are there, under a name that is reported as such. */
function isMisspelt(config: Json, among: string): boolean {
  if (!isObject(config) || Object.hasOwn(config, among)) return false;
  return nearNames(among, Object.keys(config)).length > 0;
}

// In longer lists nobody looks for a name.
const mostCompared = 1_000;

function undefinedName(
  name: string,
  names: readonly string[],
  among: "clients" | "keys",
): Omit<Mistake, "path"> {
  const [near] = nearNames(name, names.slice(0, mostCompared));
  const known = names.length === 0 ? `There are no \`${among}\`` : `\`${among}\` has: ${someOf(names)}`;
  return {
    message: `Must be the name of one of the \`${among}\``,
    hint: near === undefined ? known : `Did you mean "${near}"?`,
    ...(near !== undefined && { fix: { kind: "text", to: near } as const }),
  };
}
