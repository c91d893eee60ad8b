import type { McpAuthErrorCode } from "../errors/error.js";
import type { AllowRules } from "../lib/permissions.js";
import type { AllowedOptions, Refused } from "./check-allowed.js";
import { checkMeaning } from "./check-meaning.js";
import { interpolate, type VariableUse } from "./interpolate.js";
import { schemaMistakes } from "./schema-mistakes.js";
import { type Json, type Mistake, type SourceDocument, toPointer } from "./source-document.js";

/** A mistake that breaks only the servers that need what stands there. */
export interface Deferred extends Mistake {
  readonly code: McpAuthErrorCode & ("config_invalid" | "insecure_url");
}

export interface Checked {
  /** The config with its variables filled in. Valid when there are no `mistakes`. */
  readonly value: Json;
  readonly mistakes: readonly Mistake[];
  readonly deferred: readonly Deferred[];
}

export interface CheckDocumentOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A store was given in code, in place of that of the config. */
  readonly hasStore?: boolean | undefined;
  /** Absent: the config may use anything. */
  readonly allow?: AllowRules | undefined;
  /** What relative paths of the config are relative to. */
  readonly folder: string;
}

/** Everything that is wrong with a config, each thing once. */
export async function checkDocument(
  document: SourceDocument,
  { env, hasStore = false, allow, folder }: CheckDocumentOptions,
): Promise<Checked> {
  if (document.value === undefined) return { value: null, mistakes: document.mistakes, deferred: [] };
  const written = document.value;
  const variables: VariableUse[] = [];
  const { value, missing, mistakes: malformed } = interpolate(written, env, (use) => variables.push(use));
  const open = new Set([...missing, ...malformed].map(({ path }) => toPointer(path)));
  const isOpen = (path: readonly string[]) => open.has(toPointer(path));

  // As it is written, and as it is with the variables of this environment.
  const settling = document.mistakes.filter(({ settles }) => settles === true);
  const settled = new Set(settling.map(({ path }) => toPointer(path)));
  const unsettled = ({ path }: Mistake) => !settled.has(toPointer(path));
  const before = (await schemaMistakes(written, (_path, text) => text.includes("${"))).filter(unsettled);
  const after = value === written ? before : (await schemaMistakes(value, isOpen)).filter(unsettled);
  const told = new Set([...document.mistakes, ...before].map(({ path }) => toPointer(path)));
  const rules = new Set(before.map(({ path, rule }) => `${toPointer(path)} ${rule}`));
  const form = after.filter(({ path, rule }) => !rules.has(`${toPointer(path)} ${rule}`));
  for (const { path } of form) told.add(toPointer(path));

  // What has the wrong form has no meaning to look into.
  const meaning = await checkMeaning(value, { written, isOpen, hasStore });
  const news = ({ path }: Mistake) => !told.has(toPointer(path));
  const refused = await refusedBy(allow, { value, written, variables, isOpen, folder });
  const mistakes = [
    ...document.mistakes,
    ...before,
    ...form,
    ...[...malformed, ...meaning.mistakes].filter(news),
    ...refused.filter(({ fromVariable }) => !fromVariable),
  ];
  const deferred: Deferred[] = [
    ...missing.map(({ path, name }) => ({
      path,
      code: "config_invalid" as const,
      message: `The environment variable ${name} is not set`,
      hint: `Set it, or write a default: \${${name}:-…}`,
    })),
    ...meaning.insecure.map((mistake) => ({ ...mistake, code: "insecure_url" as const })),
    ...refused
      .filter(({ fromVariable }) => fromVariable)
      .map((mistake) => ({ ...mistake, code: "config_invalid" as const })),
  ];
  return { value, mistakes, deferred: deferred.filter(news) };
}

async function refusedBy(
  allow: AllowRules | undefined,
  config: Omit<AllowedOptions, "allow">,
): Promise<readonly Refused[]> {
  if (allow === undefined) return [];
  const { checkAllowed } = await import("./check-allowed.js");
  return await checkAllowed({ ...config, allow });
}
