import type { Path } from "./source-document.js";

const interpolation = /^\$\{(?:env:)?(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}$/;

const endings: Readonly<Record<string, string>> = {
  secret: "SECRET",
  privateKey: "PRIVATE_KEY",
  passphrase: "PASSPHRASE",
  token: "TOKEN",
  assertion: "ASSERTION",
  certificate: "CERTIFICATE",
  cert: "CERTIFICATE",
  key: "PRIVATE_KEY",
  refreshToken: "REFRESH_TOKEN",
};
// A server has more than one of the same kind.
const roles: ReadonlySet<string> = new Set(["idp", "subject", "actor", "dpop"]);

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

/** `CRM_SECRET` for the secret of the client of the server `crm`, `CRM_SUBJECT_TOKEN` for its subject's token. */
function variableFor(path: Path): string {
  if (path[0] === "store") return path[1] === "url" ? "REDIS_URL" : "MCP_AUTH_STORE_KEY";
  const ending = endings[path.at(-1) ?? ""] ?? "SECRET";
  const owner = (path.length > 2 ? path[1] : undefined) ?? "";
  const prefix = [owner, ...path.slice(2).filter((name) => roles.has(name))]
    .join("_")
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_");
  return `${prefix === "" || /^\d/.test(prefix) ? `_${prefix}` : prefix}_${ending}`.replace(/^__/, "_");
}
