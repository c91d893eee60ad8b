import type { Path } from "./json.js";
import { variableMeant } from "./variable-spelling.js";

/**
 * Returns the reference to write in place of a literal secret or of `"${NAME}"`. It contains no part of a literal
 * secret.
 */
export function literalSecretHint(path: Path, text: string): string {
  const name = variableMeant(text);
  if (name !== undefined) return `Write { "env": "${name}" }`;
  const reference = `{ "env": "${suggestVariable(path)}" }`;
  return `Write ${reference}, or { "file": "path" }, and remove the secret from the config`;
}

// Other suffixes are the name of the property: `PRIVATE_KEY` for `privateKey`.
const suffixes: Readonly<Record<string, string>> = { cert: "CERTIFICATE", key: "PRIVATE_KEY" };
// Parts of a server that tell two secrets of the same kind apart.
const roles: ReadonlySet<string> = new Set(["idp", "subject", "actor", "dpop"]);

/** Returns `CRM_SECRET` for the client secret of the server `crm`, and `CRM_SUBJECT_TOKEN` for its subject token. */
export function suggestVariable(path: Path): string {
  if (path[0] === "store") return path[1] === "url" ? "REDIS_URL" : "MCP_AUTH_STORE_KEY";
  if (path[0] === "proxy") return "MCP_AUTH_PROXY_TOKEN";
  const name = path.at(-1) ?? "secret";
  const suffix = suffixes[name] ?? name.replaceAll(/(?=[A-Z])/g, "_").toUpperCase();
  const owner = (path.length > 2 ? path[1] : undefined) ?? "";
  const prefix = [owner, ...path.slice(2).filter((name) => roles.has(name))]
    .join("_")
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_");
  return `${prefix === "" || /^\d/.test(prefix) ? `_${prefix}` : prefix}_${suffix}`.replace(/^__/, "_");
}
