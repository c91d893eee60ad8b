import type { AllowRules } from "../lib/permissions.js";
import { absolute } from "./build-reference.js";
import { hostnameOf } from "./check-network.js";
import type { Confined } from "./definitions.js";
import type { Schema } from "./fits-schema.js";
import { schema } from "./generated/plain-schema.js";
import type { VariableUse } from "./interpolate.js";
import { isObject, type Json, type Mistake, type Path, property, toPointer } from "./source-document.js";

/** Something that a config wants to use, and where it says so. */
interface Use {
  readonly kind: Confined;
  readonly path: Path;
  /** A string; for a command the list of its arguments. Of a platform identity its kind. */
  readonly value: string | readonly string[];
}

export interface AllowedOptions {
  /** The config with its variables filled in. */
  readonly value: Json;
  /** The config as it is in the file. */
  readonly written: Json;
  /** Every `${NAME}` in it. */
  readonly variables: readonly VariableUse[];
  /** Says of a place that its `${…}` is not filled in. */
  readonly isOpen: (path: Path) => boolean;
  /** What relative paths are relative to. */
  readonly folder: string;
  readonly allow: AllowRules;
}

/** `fromVariable`: what is refused came from the environment, so that only the servers that need it are affected. */
export interface Refused extends Mistake {
  readonly fromVariable: boolean;
}

/** Everything in a config that `allow` does not name. Files are judged once more when they are opened. */
export async function checkAllowed(options: AllowedOptions): Promise<readonly Refused[]> {
  const { value, written, variables, isOpen, allow } = options;
  const refused = new Map<string, Refused>();
  for (const { path, name } of variables) {
    if (allow.variable(name)) continue;
    const message = `\`allow.env\` does not have the variable ${name}`;
    refused.set(toPointer(path), { path, message, hint, fromVariable: false });
  }
  for (const use of usesOf(value)) {
    const { path, kind } = use;
    const pointer = toPointer(path);
    if (refused.has(pointer) || isOpen(path) || (await isAllowed(use, options))) continue;
    const text = at(written, path);
    const fromVariable = typeof text === "string" && text.includes("${");
    refused.set(pointer, { path, message: messages[kind], hint, fromVariable });
  }
  return [...refused.values()];
}

/** What a config wants to use, in its order. Each place is told once. */
function usesOf(config: Json): readonly Use[] {
  const uses = new Map<string, Use>();
  const visit = (value: Json, part: Schema | undefined, path: Path): void => {
    if (typeof part === "string") visit(value, schema.$defs?.[part], path);
    if (typeof part !== "object") return;
    if (part.confine !== undefined) {
      for (const use of found(value, part.confine, path)) uses.set(toPointer(use.path), use);
    }
    // Whichever of these holds for the value, it leads to no less.
    const { $ref, allOf = [], anyOf = [] } = part;
    for (const same of [$ref, ...allOf, ...anyOf, part.then, part.else]) visit(value, same, path);
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, part.items, [...path, String(index)]);
    }
    if (!isObject(value)) return;
    const properties = part.properties ?? {};
    for (const [name, inner] of Object.entries(value)) {
      const own = Object.hasOwn(properties, name) ? properties[name] : part.additionalProperties;
      visit(inner, own, [...path, name]);
    }
  };
  visit(config, schema, []);
  return [...uses.values()];
}

function found(value: Json, kind: Confined, path: Path): readonly Use[] {
  if (typeof value === "string") return [{ kind, path, value }];
  if (kind === "identity") return [{ kind, path, value: path.at(-1) ?? "" }];
  if (!Array.isArray(value)) return [];
  // `Array.isArray` makes `any[]` of it.
  const items = value as readonly Json[];
  const isText = (item: Json): item is string => typeof item === "string";
  if (kind === "command") return items.every(isText) ? [{ kind, path, value: items }] : [];
  return items.flatMap((item, index) => found(item, kind, [...path, String(index)]));
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
      // A command is a list.
      return false;
  }
}

function at(value: Json, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    // `Array.isArray` makes `any[]` of it.
    (inner, name) =>
      Array.isArray(inner) ? (inner as readonly Json[])[Number(name)] : property(inner, name),
    value,
  );
}

const messages: Readonly<Record<Confined, string>> = {
  command: "`allow.exec` does not have this command with these arguments",
  file: "`allow.files` does not have this path",
  host: "`allow.origins` has no http: origin with this host",
  identity: "`allow.identities` does not have this platform identity",
  origin: "`allow.origins` does not have the origin of this URL",
  resolver: "`allow.resolvers` does not have this name",
  sentinel: "`allow.origins` does not have this Sentinel, as redis:// or rediss:// with its host and port",
  variable: "`allow.env` does not have this variable",
};

const hint = "Add it to `allow` where createMcpAuth() is called, or remove it here";
