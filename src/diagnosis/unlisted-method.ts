import type { ClientAuthenticationMethod, CredentialSpec } from "../config/spec.js";
import { knownNames } from "../lib/printable.js";
import type { Finding } from "./finding.js";

/** The names in the IANA registry. Messages show only these names from a server's list. */
const registeredMethods: ReadonlySet<string> = new Set([
  ...["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"],
  ...["tls_client_auth", "self_signed_tls_client_auth", "none"],
]);

/** A credential, the methods that can send it, and the methods that the authorization server lists. */
export interface UnlistedMethod {
  readonly issuer: string;
  readonly credential: CredentialSpec["kind"];
  readonly possible: readonly ClientAuthenticationMethod[];
  readonly listed: readonly string[];
}

/** Returns why no method can be chosen: the authorization server lists none that can send the client's credential. */
export function unlistedMethodFinding({ issuer, credential, possible, listed }: UnlistedMethod): Finding {
  const isPublic = credential === "none";
  const refused = isPublic ? "a client without a credential" : alternatives(possible);
  return {
    id: "method_not_listed",
    cause:
      `the authorization server ${issuer} does not accept ${refused}; it lists ` +
      `${knownNames(listed, registeredMethods) || "nothing"}.`,
    remedy:
      `${isPublic ? "Give the client a credential" : "Use a credential"} that it accepts, or set the client's "method" ` +
      "if the list is wrong.",
  };
}

/** Returns `a, b or c`. */
function alternatives(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} or ${last}`;
}
