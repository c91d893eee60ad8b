import { isJsonObject } from "../../lib/json-object.js";
import { headerValue } from "./request-headers.js";

/** A parameter of a tool that the client repeats in the header `Mcp-Param-<name>` (MCP 2026-07-28). */
export interface HeaderParameter {
  /** The names of the properties that lead to it. */
  readonly path: readonly string[];
  readonly name: string;
}

const annotation = "x-mcp-header";
/** Levels of a schema that are searched. A tool with a deeper schema counts as invalid. */
const maxDepth = 64;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;

/**
 * Returns the parameters of a tool that its `inputSchema` wants in headers. `undefined` if an annotation breaks a rule
 * of MCP 2026-07-28, "Schema Extension": a client must not offer such a tool.
 */
export function headerParameters(inputSchema: unknown): readonly HeaderParameter[] | undefined {
  const found: HeaderParameter[] = [];
  if (!collect(inputSchema, [], true, found)) return undefined;
  const names = new Set(found.map(({ name }) => name.toLowerCase()));
  return names.size === found.length ? found : undefined;
}

/**
 * Collects the annotations of a schema. Returns whether all of them are valid. `path` is the place of the schema, if
 * only `properties` lead to it (`isReachable`).
 */
function collect(
  schema: unknown,
  path: readonly string[],
  isReachable: boolean,
  found: HeaderParameter[],
): boolean {
  if (path.length > maxDepth) return false;
  if (Array.isArray(schema)) return schema.every((each) => collect(each, [...path, ""], false, found));
  if (!isJsonObject(schema)) return true;
  const name = schema[annotation];
  if (name !== undefined) {
    const isPrimitive = ["string", "integer", "boolean"].some((type) => type === schema["type"]);
    if (!isReachable || path.length === 0 || !isPrimitive) return false;
    if (typeof name !== "string" || !token.test(name)) return false;
    found.push({ path, name });
  }
  return Object.entries(schema).every(([keyword, value]) => {
    if (values.has(keyword)) return true;
    if (!maps.has(keyword) || !isJsonObject(value)) return collect(value, [...path, keyword], false, found);
    const leadsOn = isReachable && keyword === "properties";
    return Object.entries(value).every(([key, inner]) => collect(inner, [...path, key], leadsOn, found));
  });
}

/** Keywords with values of the parameter, in which the annotation is only text. */
const values: ReadonlySet<string> = new Set([annotation, "const", "default", "enum", "examples"]);
/** Keywords with schemas by name. */
const maps: ReadonlySet<string> = new Set([
  ...["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"],
]);

/** Returns the headers for the arguments of a call. A parameter without a value has none. */
export function parameterHeaders(
  parameters: readonly HeaderParameter[],
  callArguments: unknown,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { path, name } of parameters) {
    const value = textOf(valueAt(callArguments, path));
    if (value !== undefined) headers[`mcp-param-${name.toLowerCase()}`] = headerValue(value);
  }
  return headers;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  return undefined;
}
