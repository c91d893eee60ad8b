import type { AllowRules } from "../lib/permissions.js";
import { unreachable } from "../lib/unreachable.js";
import { absolute } from "./build-reference.js";
import { hostnameOf } from "./check-network.js";
import type { Confined } from "./definitions.js";
import type { Schema } from "./fits-schema.js";
import { schema } from "./generated/plain-schema.js";
import type { VariableUse } from "./interpolate.js";
import { isList, isObject, type Json, type Path, toPointer, valueAt } from "./json.js";
import type { Mistake } from "./source-document.js";

/** A use of something outside of the config: a file, a variable, a command, an origin. */
interface Use {
  readonly kind: Confined;
  readonly path: Path;
  /** A string, or the list of a command's arguments. For a platform identity, the name of its property. */
  readonly value: string | readonly string[];
}

export interface AllowedOptions {
  /** The config with the values of its variables. */
  readonly value: Json;
  /** The config as in the file. */
  readonly source: Json;
  /** Every `${NAME}` of the config. */
  readonly variables: readonly VariableUse[];
  /** Whether the string at a path has a `${…}` without a value. */
  readonly isUnresolved: (path: Path) => boolean;
  /** Relative paths are relative to this folder. */
  readonly folder: string;
  readonly allow: AllowRules;
}

export interface NotAllowed extends Mistake {
  /** Whether the value comes from a variable. Then only the servers that use it fail. */
  readonly isFromVariable: boolean;
}

/**
 * Returns a mistake for everything that the config uses and `allow` does not name. Files are checked again when they
 * are opened.
 */
export async function findNotAllowed(options: AllowedOptions): Promise<readonly NotAllowed[]> {
  const { value, source, variables, isUnresolved, allow } = options;
  const mistakes = new Map<string, NotAllowed>();
  for (const { path, name } of variables) {
    if (allow.variable(name)) continue;
    const message = `\`allow.env\` does not have the variable ${name}`;
    mistakes.set(toPointer(path), { path, message, hint, isFromVariable: false });
  }
  for (const use of findUses(value)) {
    const { path, kind } = use;
    const pointer = toPointer(path);
    if (mistakes.has(pointer) || isUnresolved(path) || (await isAllowed(use, options))) continue;
    const written = valueAt(source, path);
    const isFromVariable = typeof written === "string" && written.includes("${");
    mistakes.set(pointer, { path, message: messages[kind], hint, isFromVariable });
  }
  return [...mistakes.values()];
}

/** Returns everything that the config uses, in the order of the config and once for each path. */
function findUses(config: Json): readonly Use[] {
  const uses = new Map<string, Use>();
  const visit = (value: Json, part: Schema | undefined, path: Path): void => {
    if (typeof part === "string") visit(value, schema.$defs?.[part], path);
    if (typeof part !== "object") return;
    if (part.confine !== undefined) {
      for (const use of usesIn(value, part.confine, path)) uses.set(toPointer(use.path), use);
    }
    // Visits all alternatives, even those that do not apply to the value: an extra use is harmless, a missed use is
    // not.
    const { $ref, allOf = [], anyOf = [] } = part;
    for (const alternative of [$ref, ...allOf, ...anyOf, part.then, part.else])
      visit(value, alternative, path);
    if (isList(value)) {
      for (const [index, item] of value.entries()) visit(item, part.items, [...path, String(index)]);
    }
    if (!isObject(value)) return;
    const properties = part.properties ?? {};
    for (const [name, inner] of Object.entries(value)) {
      const innerPart = Object.hasOwn(properties, name) ? properties[name] : part.additionalProperties;
      visit(inner, innerPart, [...path, name]);
    }
  };
  visit(config, schema, []);
  return [...uses.values()];
}

function usesIn(value: Json, kind: Confined, path: Path): readonly Use[] {
  if (typeof value === "string") return [{ kind, path, value }];
  if (kind === "identity") return [{ kind, path, value: path.at(-1) ?? "" }];
  if (!isList(value)) return [];
  if (kind === "command") {
    const isText = (item: Json): item is string => typeof item === "string";
    return value.every(isText) ? [{ kind, path, value }] : [];
  }
  return value.flatMap((item, index) => usesIn(item, kind, [...path, String(index)]));
}

async function isAllowed({ kind, value }: Use, { allow, folder }: AllowedOptions): Promise<boolean> {
  if (typeof value !== "string") return allow.command(value);
  switch (kind) {
    case "file":
      return await allow.file(absolute(value, folder));
    case "host":
      return allow.host(hostnameOf(value) ?? value);
    case "identity":
      return allow.identity(value);
    case "origin":
      return allow.url(value);
    case "resolver":
      return allow.resolver(value);
    case "sentinel":
      return allow.sentinel(value);
    case "variable":
      return allow.variable(value);
    case "command":
      // A command is a list. The schema reports a string.
      return false;
    default:
      return unreachable(kind);
  }
}

const hint = "Add it to `allow` where createMcpAuth() is called, or remove it here";

/** A file that `allow` does not include. */
export const fileNotAllowed = { message: "`allow.files` does not include this path", hint };

const messages: Readonly<Record<Confined, string>> = {
  command: "`allow.exec` does not include this command with these arguments",
  file: fileNotAllowed.message,
  host: "`allow.origins` has no http: origin with this host",
  identity: "`allow.identities` does not include this platform identity",
  origin: "`allow.origins` does not include the origin of this URL",
  resolver: "`allow.resolvers` does not include this name",
  sentinel: "`allow.origins` does not include this Sentinel, as redis:// or rediss:// with its host and port",
  variable: "`allow.env` does not include this variable",
};
