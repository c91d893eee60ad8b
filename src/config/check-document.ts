import type { McpAuthErrorCode } from "../errors/error.js";
import type { AllowRules } from "../lib/permissions.js";
import type { AllowedOptions, NotAllowed } from "./check-allowed.js";
import type { SchemaMistake } from "./error-messages.js";
import { fits } from "./fits-schema.js";
import { schema } from "./generated/plain-schema.js";
import { interpolate, type VariableUse } from "./interpolate.js";
import { type Json, type Path, toPointer, valueAt } from "./json.js";
import { semanticChecks } from "./semantic-checks.js";
import type { Mistake, SourceDocument } from "./source-document.js";

/** A mistake that breaks only the servers that use the value at its path. */
export interface ServerMistake extends Mistake {
  readonly code: McpAuthErrorCode & ("config_invalid" | "insecure_url");
}

export interface CheckedDocument {
  /** The config with the values of its variables. It is valid if there are no `mistakes`. */
  readonly value: Json;
  readonly mistakes: readonly Mistake[];
  readonly serverMistakes: readonly ServerMistake[];
  /** The variables without a value that are no mistake. */
  readonly unknown: readonly VariableUse[];
}

export interface CheckDocumentOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly ignoreVariables?: boolean | undefined;
  /** Whether a store given in code replaces that of the config. */
  readonly hasStore?: boolean | undefined;
  /** Absent: the config may use anything. */
  readonly allow?: AllowRules | undefined;
  /** Relative paths of the config are relative to this folder. */
  readonly folder: string;
}

/** Checks a config against the schema, the semantic checks and `allow`. Returns each mistake once. */
export async function checkDocument(
  document: SourceDocument,
  { env, ignoreVariables = false, hasStore = false, allow, folder }: CheckDocumentOptions,
): Promise<CheckedDocument> {
  if (document.value === undefined)
    return { value: null, mistakes: document.mistakes, serverMistakes: [], unknown: [] };
  const source = document.value;
  const variables: VariableUse[] = [];
  const {
    value,
    missing,
    mistakes: malformed,
  } = interpolate(source, ignoreVariables ? {} : env, (use) => variables.push(use));
  const unresolved = pathsOf([...missing, ...malformed]);
  const isUnresolved = (path: Path) => unresolved.size > 0 && unresolved.has(toPointer(path));

  const { inSource, inValues } = await findSchemaMistakes(document, source, value, isUnresolved);
  // A value that the schema rejects has no further mistakes reported.
  const inConfig = document.mistakes.filter(({ inImport }) => inImport !== true);
  const reported = pathsOf([...inConfig, ...inSource, ...inValues]);
  const isNew = ({ path }: Mistake) => !reported.has(toPointer(path));
  const semantic = await semanticChecks(value, { source, isUnresolved, hasStore });
  const notAllowed = await findNotAllowed(allow, { value, source, variables, isUnresolved, folder });
  const mistakes = [
    ...document.mistakes,
    ...inSource,
    ...inValues,
    ...[...malformed, ...semantic.mistakes].filter(isNew),
    ...notAllowed.filter((mistake) => !mistake.isFromVariable && isNew(mistake)),
  ];
  const serverMistakes: ServerMistake[] = [
    ...(ignoreVariables ? [] : await unsetVariables(missing, { env, folder, allow })),
    ...semantic.insecureUrls.map((mistake) => ({ ...mistake, code: "insecure_url" as const })),
    ...notAllowed
      .filter(({ isFromVariable }) => isFromVariable)
      .map((mistake) => ({ ...mistake, code: "config_invalid" as const })),
  ];
  return {
    value,
    mistakes,
    serverMistakes: serverMistakes.filter(isNew),
    unknown: ignoreVariables ? missing : [],
  };
}

/** Explains each variable without a value. It looks for `.env` files, which it only does if there is one. */
async function unsetVariables(
  missing: readonly VariableUse[],
  options: Pick<CheckDocumentOptions, "env" | "folder" | "allow">,
): Promise<readonly ServerMistake[]> {
  if (missing.length === 0) return [];
  const { unsetExplainer } = await import("../lib/unset-variable.js");
  const explain = await unsetExplainer(options);
  return missing.map(({ path, name }) => {
    const { problem, remedy } = explain(name);
    return {
      path,
      code: "config_invalid",
      message: `The environment variable ${name} ${problem}`,
      hint: `${remedy}, or write a default: \${${name}:-…}`,
    };
  });
}

/**
 * Checks the config as in the file and with the values of its variables. Reports a mistake that both have only once.
 */
async function findSchemaMistakes(
  document: SourceDocument,
  source: Json,
  value: Json,
  isUnresolved: (path: Path) => boolean,
) {
  const hidden = pathsOf(document.mistakes.filter(({ hidesSchemaErrors }) => hidesSchemaErrors === true));
  const isVisible = ({ path }: Mistake) => !hidden.has(toPointer(path));
  const keyOf = ({ path, rule }: SchemaMistake) => `${toPointer(path)} ${rule}`;
  const hasVariable = (_path: Path, text: string) => text.includes("${");
  const inSource = (await schemaMistakes(source, hasVariable)).filter(isVisible);
  if (value === source) return { inSource, inValues: [] };
  const known = new Set(inSource.map(keyOf));
  const inValues = (await schemaMistakes(value, isUnresolved))
    .filter((mistake) => isVisible(mistake) && !known.has(keyOf(mistake)))
    .map((mistake) => withoutFixOfVariable(mistake, source, value));
  return { inSource, inValues };
}

/** Removes the correction of a text that comes from a variable: the file does not have that text. */
function withoutFixOfVariable(mistake: SchemaMistake, source: Json, value: Json): SchemaMistake {
  const { fix, ...others } = mistake;
  const isText = fix !== undefined && fix.kind !== "name";
  return isText && valueAt(source, mistake.path) !== valueAt(value, mistake.path) ? others : mistake;
}

/** Returns the mistakes that the schema finds. Loads the compiled validator only if there is one. */
async function schemaMistakes(
  config: Json,
  isUnresolved: (path: Path, text: string) => boolean,
): Promise<readonly SchemaMistake[]> {
  if (fits(config, schema, schema)) return [];
  const { findMistakes } = await import("./explain-errors.js");
  return findMistakes(config, isUnresolved);
}

async function findNotAllowed(
  allow: AllowRules | undefined,
  config: Omit<AllowedOptions, "allow">,
): Promise<readonly NotAllowed[]> {
  if (allow === undefined) return [];
  const checks = await import("./check-allowed.js");
  return await checks.findNotAllowed({ ...config, allow });
}

function pathsOf(mistakes: readonly { readonly path: Path }[]): ReadonlySet<string> {
  return new Set(mistakes.map(({ path }) => toPointer(path)));
}
