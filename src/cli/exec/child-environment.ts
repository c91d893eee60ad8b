import { dirname } from "node:path";
import { findReferences } from "../../config/find-references.js";
import { checkConfig } from "../../config/load.js";
import { type McpAuthWithInternals, proxyInternals } from "../../runtime/manager-internals.js";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the names of the variables that a config reads secrets from: those of its `{ "env": "NAME" }` references, also
 * of other servers, of the store and of the proxy.
 */
export async function secretVariables(auth: object): Promise<ReadonlySet<string>> {
  // Only objects of this package have the symbol, and those of the command are.
  const { [proxyInternals]: internals } = Object(auth) as Partial<McpAuthWithInternals>;
  if (internals?.file === undefined) throw new Error("A command has a config in a file.");
  const { file, env } = internals;
  const { document } = await checkConfig({ cwd: dirname(file), env, cliPath: file });
  // It was valid a moment ago.
  if (document === undefined) throw new Error("The config was replaced.");
  const references = findReferences(document.value, document.folder);
  return new Set(references.flatMap(({ reference }) => ("env" in reference ? [reference.env] : [])));
}

/** Returns the environment of a command that gets a token, and not the secrets that the token was requested with. */
export function childEnvironment(
  env: Environment,
  secrets: ReadonlySet<string>,
  token: { readonly variable: string; readonly accessToken: string },
): Environment {
  const withheld = new Set([...secrets, token.variable].map(comparable));
  const kept = Object.entries(env).filter(([name]) => !withheld.has(comparable(name)));
  return { ...Object.fromEntries(kept), [token.variable]: token.accessToken };
}

/** On Windows, `Path` and `PATH` are one variable. */
function comparable(name: string): string {
  return process.platform === "win32" ? name.toUpperCase() : name;
}
