import type { Path } from "./source-document.js";

const interpolation = /^\$\{(?:env:)?(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}$/;

const endings: Readonly<Record<string, string>> = {
  secret: "SECRET",
  privateKey: "PRIVATE_KEY",
  passphrase: "PASSPHRASE",
  token: "TOKEN",
};

/** The variable that was meant where `"${NAME}"` was written for a secret. */
export function variableMeant(text: string): string | undefined {
  return interpolation.exec(text)?.groups?.["name"];
}

/** The reference to write where a secret itself, or `"${NAME}"`, was written. Nothing of a literal is in it. */
export function literalSecretHint(path: Path, text: string): string {
  const name = variableMeant(text);
  if (name !== undefined) return `Write { "env": "${name}" }`;
  const reference = `{ "env": "${variableFor(path)}" }`;
  return `Write ${reference}, or { "file": "path" }, and remove the secret from the config`;
}

/** `CRM_SECRET` for the secret of the client of the server `crm`. */
function variableFor(path: Path): string {
  const ending = endings[path.at(-1) ?? ""] ?? "SECRET";
  const owner = (path.length > 2 ? path[1] : undefined) ?? "";
  const prefix = owner.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
  return `${prefix === "" || /^\d/.test(prefix) ? `_${prefix}` : prefix}_${ending}`.replace(/^__/, "_");
}
