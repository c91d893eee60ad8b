import { McpAuthError } from "../errors/error.js";
import { knownNames } from "../lib/known-names.js";
import type { SigningKey } from "./signing-key.js";

/** The names of the JOSE registry: a server's list is shown only as far as it consists of these. */
export const registeredAlgorithms: ReadonlySet<string> = new Set([
  ...["HS", "RS", "PS", "ES"].flatMap((family) => [`${family}256`, `${family}384`, `${family}512`]),
  ...["ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "none"],
]);

/** Whose list it is, for messages. */
export interface AlgorithmContext {
  readonly server: string;
  readonly issuer: string;
}

/**
 * The algorithm to sign with: the config's, else the first of the key's own that the server lists, else, without a
 * list, the one that servers most probably have. Throws `unsupported_by_server` when the list has none of them.
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
    `Server "${context.server}": the authorization server ${context.issuer} accepts no signature that the key can make ` +
      `(${key.algorithms.join(", ")}). It lists ${knownNames(listed ?? [], registeredAlgorithms) || "none"}. Use a key of a type that it lists, ` +
      `or set the key's "alg" if the list is wrong.`,
    { server: context.server, details: { token_endpoint_auth_signing_alg_values_supported: listed } },
  );
}

// An RSA key can sign with six algorithms, of which a server that says nothing most probably has RS256.
function mostCommon(algorithms: readonly string[]): string | undefined {
  return algorithms.includes("RS256") ? "RS256" : algorithms[0];
}
