import type { CheckContext } from "./check-context.js";
import { tokenTypes } from "./generated/definitions.js";
import { describeFound } from "./in-words.js";
import { entries, type Json, type Path, property } from "./json.js";
import { literalSecretHint } from "./literal-secret.js";
import { alwaysReserved, credentialParams, reservedParams, subjectParams } from "./reserved.js";
import { variableMeant } from "./variable-spelling.js";

const shortType = "Must be the URI of a token type, because `params` are sent as they are written";

/** Checks the names of the `params` of a grant, and that the config has no credential in them. */
export function checkParams(grant: Json | undefined, path: Path, context: CheckContext): void {
  const isReserved = reservedNames(grant);
  const params = property(grant, "params");
  for (const [name, value] of entries(params)) {
    const at = [...path, "params", name];
    if (isReserved(name)) reportReserved(name, at, context);
    else if (credentialParams.has(name) && typeof value === "string") reportLiteral(at, context);
    else if (/_token_type$/.test(name) && tokenTypes.some((type) => type === value)) {
      context.report(at, { message: shortType, hint: `Write urn:ietf:params:oauth:token-type:${value}` });
    } else context.checkValue(params, [...path, "params"], name);
  }
}

function reservedNames(grant: Json | undefined): (name: string) => boolean {
  const type = property(grant, "type");
  if (type === "extension") return (name) => alwaysReserved.has(name);
  // A token exchange without a `subject` has it in its parameters.
  const hasSubject = type !== "token_exchange" || property(grant, "subject") !== undefined;
  return (name) => reservedParams.has(name) && (hasSubject || !subjectParams.has(name));
}

function reportReserved(name: string, path: Path, { report }: CheckContext): void {
  const setting = reservedParams.get(name);
  report(path, {
    atName: true,
    message: `The parameter ${name} cannot be set in \`params\``,
    hint: setting === undefined ? "No grant here uses it" : `Its value comes from the ${setting}`,
  });
}

function reportLiteral(path: Path, { report, written }: CheckContext): void {
  const text = written(path);
  // The value of a variable may be the secret, so only the text of the file is described.
  if (typeof text !== "string") return;
  const variable = variableMeant(text);
  report(path, {
    message: `Must be a reference, such as { "env": "NAME" } or { "file": "path" }, found ${describeFound(text, true)}`,
    hint: literalSecretHint(path, text),
    ...(variable !== undefined && { fix: { kind: "reference", to: variable } as const }),
  });
}
