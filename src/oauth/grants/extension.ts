import type { ExtensionSpec } from "../../config/spec.js";
import type { Grant } from "../attempt.js";
import { tokenGrant } from "./token-grant.js";

/**
 * Creates a grant of a type that this package does not know, RFC 6749 §4.5. Everything that it needs beside the
 * client's credential is in the `params` of the config. Rejects with the codes of `tokenGrant`.
 */
export function extension(grant: ExtensionSpec): Grant {
  return tokenGrant(grant, { grantType: grant.grantType, presents: "params" });
}
