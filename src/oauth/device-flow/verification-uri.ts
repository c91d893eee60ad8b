import { McpAuthError } from "../../errors/error.js";
import { assertLearnedUrl, type EgressRules } from "../../net/egress.js";

/** Characters. People may have to type it. */
const longestUri = 2_048;
const invisible = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Returns the page that a person must open, as ASCII: international names as punycode, and everything else beyond
 * ASCII percent-encoded. Only https is allowed, or http to this machine if the issuer is on it too, because the person
 * signs in there. Throws `token_response_invalid`, and `insecure_url` as `assertLearnedUrl` does.
 */
export function verificationUri(text: unknown, name: string, rules: EgressRules): string {
  const { server } = rules;
  if (typeof text !== "string" || text === "" || text.length > longestUri || invisible.test(text)) {
    throw new McpAuthError(
      "token_response_invalid",
      `Server "${server}": ${name} is not a URL that a person can open. Tell the operator of the server.`,
      { server, details: { verification_uri: typeof text === "string" ? text : undefined } },
    );
  }
  return assertLearnedUrl(text, name, rules).href;
}
