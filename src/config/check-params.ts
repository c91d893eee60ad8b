import type { CheckContext } from "./check-context.js";
import { describeFound } from "./in-words.js";
import { entries, type Json, type Path, property } from "./json.js";
import { literalSecretHint } from "./literal-secret.js";
import { alwaysReserved, credentialParams, reservedParams } from "./reserved.js";
import { variableMeant } from "./variable-spelling.js";

/** Checks the names of the `params` of a grant, and that the config has no credential in them. */
export function checkParams(grant: Json | undefined, path: Path, context: CheckContext): void {
  const reserved = property(grant, "type") === "extension" ? alwaysReserved : reservedParams;
  const params = property(grant, "params");
  for (const [name, value] of entries(params)) {
    const at = [...path, "params", name];
    if (reserved.has(name)) reportReserved(name, at, context);
    else if (credentialParams.has(name) && typeof value === "string") reportLiteral(at, context);
    else context.checkValue(params, [...path, "params"], name);
  }
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
