import { McpAuthError } from "../errors/error.js";
import { knownNames } from "../lib/printable.js";
import type { SigningKey } from "./signing-key.js";

/** Names of the JOSE registry. Messages show only these names of a server's list. */
export const registeredAlgorithms: ReadonlySet<string> = new Set([
  ...["HS", "RS", "PS", "ES"].flatMap((family) => [`${family}256`, `${family}384`, `${family}512`]),
  ...["ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "none"],
]);

/** The MCP server and the issuer that published the list, for messages. */
export interface AlgorithmContext {
  readonly server: string;
  readonly issuer: string;
}

/**
 * Returns the algorithm to sign with. It is the config's `alg`, if it has one. Otherwise it is the first algorithm of
 * the key that the server lists, or the most common one if the server has no list. Throws `unsupported_by_server` if
 * the list has none of the key's algorithms.
 */
export function chooseAlgorithm(
  key: Pick<SigningKey, "algorithms" | "configuredAlgorithm">,
  listed: readonly string[] | undefined,
  context: AlgorithmContext,
): string {
  if (key.configuredAlgorithm !== undefined) return key.configuredAlgorithm;
  const chosen =
    listed === undefined
      ? mostCommon(key.algorithms)
      : key.algorithms.find((algorithm) => listed.includes(algorithm));
  if (chosen !== undefined) return chosen;
  throw new McpAuthError(
    "unsupported_by_server",
    `Server "${context.server}": the authorization server ${context.issuer} does not accept a signature that the key can make ` +
      `(${key.algorithms.join(", ")}). It lists ${knownNames(listed ?? [], registeredAlgorithms) || "none"}. ` +
      `Use a key of a type that it lists, or set the key's "alg" if the list is wrong.`,
    { server: context.server, details: { token_endpoint_auth_signing_alg_values_supported: listed } },
  );
}

/**
 * Returns RS256 for an RSA key, because most servers support it. Other keys have one algorithm, or two names of one.
 */
function mostCommon(algorithms: readonly string[]): string | undefined {
  return algorithms.includes("RS256") ? "RS256" : algorithms[0];
}
