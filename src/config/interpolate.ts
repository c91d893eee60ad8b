import { definitions } from "./generated/definitions.js";
import { isList, isObject, type Json, type Path } from "./json.js";
import type { Mistake } from "./source-document.js";

export interface Interpolated {
  readonly value: Json;
  /** Each `${NAME}` without a value and without a default. The text keeps it. */
  readonly missing: readonly VariableUse[];
  /** Each text with a `${` that does not start a variable. The text is unchanged. */
  readonly mistakes: readonly Mistake[];
}

export interface VariableUse {
  readonly path: Path;
  readonly name: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

// A default cannot contain `${`: otherwise the search for its end, repeated at each `${`, would take quadratic time.
const variableOrEscape =
  /\$\$\{|\$\{(?:(?:env:)?(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>(?:[^}$]|\$(?!\{))*))?\})?/g;

/**
 * Replaces `${NAME}`, `${env:NAME}` and `${NAME:-default}` by values, and `$${` by `${`. The default also replaces an
 * empty variable. The value of a variable is not interpolated again. Property names, `$schema`, places of secrets,
 * commands (`exec`) and the `env` of a reference are not changed. The `file` of a reference is a path and is
 * interpolated. A config without `${` is returned unchanged.
 *
 * @param onVariable called for each `${NAME}`, with or without a value
 */
export function interpolate(
  config: Json,
  env: Environment,
  onVariable?: (use: VariableUse) => void,
): Interpolated {
  const missing: VariableUse[] = [];
  const mistakes: Mistake[] = [];
  if (!mayHaveVariables(config)) return { value: config, missing, mistakes };

  const interpolateText = (text: string, path: Path): string => {
    if (!text.includes("${")) return text;
    const unset = new Set<string>();
    let isMalformed = false;
    const replaced = text.replaceAll(variableOrEscape, (match: string, ...rest: unknown[]) => {
      if (match === "$${") return "${";
      // For an expression with named groups, the last argument is the groups.
      const { name, fallback } = rest.at(-1) as { name?: string; fallback?: string };
      if (name === undefined) {
        isMalformed = true;
        return match;
      }
      onVariable?.({ path, name });
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
      if (value === undefined) unset.add(name);
      return value ?? match;
    });
    if (isMalformed) mistakes.push({ path, ...malformedVariable });
    for (const name of unset) missing.push({ path, name });
    return isMalformed || unset.size > 0 ? text : replaced;
  };

  const visit = (value: Json, path: Path): Json => {
    if (typeof value === "string") return isExempt(path) ? value : interpolateText(value, path);
    if (isList(value)) return value.map((item, index) => visit(item, [...path, String(index)]));
    if (!isObject(value)) return value;
    const object: Record<string, Json> = Object.create(null);
    for (const [name, inner] of Object.entries(value)) object[name] = visit(inner, [...path, name]);
    return object;
  };

  return { value: visit(config, []), missing, mistakes };
}

function mayHaveVariables(value: Json): boolean {
  if (typeof value === "string") return value.includes("${");
  if (isList(value)) return value.some(mayHaveVariables);
  if (!isObject(value)) return false;
  // `for … in` is safe here, because a config inherits no properties. It needs no list of the values.
  for (const name in value) if (mayHaveVariables(value[name] ?? null)) return true;
  return false;
}

const malformedVariable = {
  message: "This ${ does not start a variable",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what to write in the config
  hint: "Write ${NAME}, ${env:NAME} or ${NAME:-default}, or $${ for a literal ${",
} as const;

// A string in place of a reference is a secret, or `"${NAME}"` where `{ "env": "NAME" }` was meant. Both are mistakes,
// and the value of the variable must not get into the config. `url` and `key` are references only in a store and a
// certificate.
const referenceNames: ReadonlySet<string | undefined> = new Set(
  Object.values(definitions)
    .flatMap(({ references }): readonly string[] => references)
    .filter((name) => name !== "url" && name !== "key"),
);
// Objects whose property names the user chooses.
const namedParts: ReadonlySet<string | undefined> = new Set(["servers", "clients", "keys"]);
const freeObjects: ReadonlySet<string> = new Set(["headers", "params", "claims"]);

/** Whether the string at this path is not interpolated. */
function isExempt(path: Path): boolean {
  if (path.length === 1 && path[0] === "$schema") return true;
  // Skips the name that the user chose, because a server may be called `secret`.
  const names = namedParts.has(path[0]) ? path.slice(2) : path;
  const free = names.findIndex((name) => freeObjects.has(name));
  if (names[free] === "claims") return false;
  const [last, parent] = free === -1 ? names.toReversed() : names.slice(free + 2).toReversed();
  if (last === "env" || last === "exec" || parent === "exec") return true;
  if (free !== -1) return false;
  return (
    referenceNames.has(last) ||
    (last === "key" && parent === "certificate") ||
    (path[0] === "store" && (last === "url" || (parent === "encryptionKey" && /^\d+$/.test(last ?? ""))))
  );
}
