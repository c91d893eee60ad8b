import { isObject, type Json, type Mistake, type Path } from "./source-document.js";

export interface Interpolated {
  readonly value: Json;
  /** `${NAME}` without a value and without a default; the text is left as it was. */
  readonly missing: readonly VariableUse[];
  /** A `${` that is no reference to a variable; the text is left as it was. */
  readonly mistakes: readonly Mistake[];
}

export interface VariableUse {
  readonly path: Path;
  readonly name: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

// A default has no `${` in it: looking on from each of many for the end would take time in proportion to the square.
const dollar =
  /\$\$\{|\$\{(?:(?:env:)?(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>(?:[^}$]|\$(?!\{))*))?\})?/g;

/**
 * Fills in `${NAME}`, `${env:NAME}` and `${NAME:-default}` (used when the variable is unset or empty), and makes
 * `${` of `$${`. One pass: what a variable brings is not looked at again. Names of properties, `$schema`, secrets,
 * commands (`exec`) and the `env` of a reference are left alone; the `file` of a reference is a path like any other
 * text. A config without any is returned as it is.
 *
 * @param noted told of every `${NAME}`, with a value or without
 */
export function interpolate(
  config: Json,
  env: Environment,
  noted?: (use: VariableUse) => void,
): Interpolated {
  const missing: VariableUse[] = [];
  const mistakes: Mistake[] = [];
  if (!mayUseVariables(config)) return { value: config, missing, mistakes };

  const text = (value: string, path: Path): string => {
    if (!value.includes("${")) return value;
    const unset = new Set<string>();
    let malformed = false;
    const filled = value.replaceAll(dollar, (match: string, ...rest: unknown[]) => {
      if (match === "$${") return "${";
      // The last argument of a replacer for an expression with named groups is the groups.
      const { name, fallback } = rest.at(-1) as { name?: string; fallback?: string };
      if (name === undefined) {
        malformed = true;
        return match;
      }
      noted?.({ path, name });
      const set = Object.hasOwn(env, name) ? env[name] : undefined;
      if (fallback !== undefined) return set === undefined || set === "" ? fallback : set;
      if (set === undefined) unset.add(name);
      return set ?? match;
    });
    if (malformed) mistakes.push({ path, ...malformedReference });
    for (const name of unset) missing.push({ path, name });
    return malformed || unset.size > 0 ? value : filled;
  };

  const visit = (value: Json, path: Path): Json => {
    if (typeof value === "string") return isLeftAlone(path) ? value : text(value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, String(index)]));
    if (!isObject(value)) return value;
    const object: Record<string, Json> = Object.create(null);
    for (const [name, inner] of Object.entries(value)) object[name] = visit(inner, [...path, name]);
    return object;
  };

  return { value: visit(config, []), missing, mistakes };
}

function mayUseVariables(value: Json): boolean {
  if (typeof value === "string") return value.includes("${");
  if (Array.isArray(value)) return value.some(mayUseVariables);
  return isObject(value) && Object.values(value).some(mayUseVariables);
}

const malformedReference = {
  message: "This ${ does not begin a reference to a variable",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what to write in the config
  hint: "Write ${NAME}, ${env:NAME} or ${NAME:-default}, or $${ for the characters ${ themselves",
} as const;

// Where a reference belongs: a string there is a secret, or a slip.
const references: ReadonlySet<string | undefined> = new Set([
  "secret",
  "privateKey",
  "passphrase",
  "token",
  "assertion",
  "certificate",
  "cert",
]);
const named: ReadonlySet<string | undefined> = new Set(["servers", "clients", "keys"]);
// What is below them has names of the user's own.
const maps: ReadonlySet<string> = new Set(["headers", "params", "claims"]);

function isLeftAlone(path: Path): boolean {
  if (path.length === 1 && path[0] === "$schema") return true;
  // A server may be called `secret`, and one of its properties is still a property.
  const own = named.has(path[0]) ? path.slice(2) : path;
  const map = own.findIndex((name) => maps.has(name));
  if (own[map] === "claims") return false;
  const [last, parent] = map === -1 ? own.toReversed() : own.slice(map + 2).toReversed();
  if (last === "env" || last === "exec" || parent === "exec") return true;
  return map === -1 && (references.has(last) || (last === "key" && parent === "certificate"));
}
