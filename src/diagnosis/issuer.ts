import type { Failure } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { findingText } from "./finding.js";

/** Returns the config's issuer as messages show it. An issuer that only a server names is not shown. */
export function issuerName(issuer: string): string {
  return printableUrl(issuer) ?? "(an issuer that is not a plain URL)";
}

/** Returns whether two issuers are so similar that one is probably a misspelling of the other. */
function isNearIssuer(found: string, configured: string): boolean {
  return withoutSlash(found).toLowerCase() === withoutSlash(configured).toLowerCase();
}

/**
 * Checks the `issuer` of authorization server metadata (RFC 8414 §3.3). `name` is the authorization server as messages
 * name it. Returns `issuer_mismatch` if it is not the configured one.
 */
export function checkMetadataIssuer(found: unknown, configured: string, name: string): Failure | undefined {
  if (found === configured) return undefined;
  const difference = issuerDifference(found, configured);
  const isNear = typeof found === "string" && isNearIssuer(found, configured);
  const cause = `the metadata of ${name} names another issuer${difference === undefined ? "" : `, which ${difference}`}.`;
  const remedy = isNear
    ? "Write it in the config exactly as the server does."
    : "Its metadata is not used, and no credential is sent. Check the issuer with the operator of the server.";
  const detail = `${findingText({ cause, remedy })} The error's \`details\` has it.`;
  return { code: "issuer_mismatch", detail, details: { issuer: found } };
}

/**
 * Checks the `authorization_servers` of resource metadata (RFC 9728 §2). Returns `issuer_mismatch` if it lists
 * authorization servers, but not the configured issuer. A list that is absent or empty says nothing.
 */
export function checkListedIssuers(
  listed: readonly string[] | undefined,
  configured: string,
): Failure | undefined {
  if (listed === undefined || listed.length === 0 || listed.includes(configured)) return undefined;
  const near = listed.find((each) => isNearIssuer(each, configured));
  const others = listed.length === 1 ? "another one" : `${listed.length} others`;
  const found = near === undefined ? others : `one that ${issuerDifference(near, configured)}`;
  const cause =
    `its resource metadata does not list the configured issuer ${issuerName(configured)}: ` +
    `it lists ${found}.`;
  const remedy =
    near === undefined
      ? "No credential is sent elsewhere. Check with the operator of the server which issuer is right."
      : "Write the issuer in the config exactly as the authorization server's own metadata has it. If the two servers " +
        'disagree, write what this one lists and give the client "metadata" with the token endpoint.';
  const detail = `${findingText({ cause, remedy })} The error's \`details\` has what it lists.`;
  // The similar issuer comes first, because `details` keeps only the beginning of a long list.
  const authorization_servers = near === undefined ? listed : [...new Set([near, ...listed])];
  return { code: "issuer_mismatch", detail, details: { authorization_servers } };
}

/**
 * Returns the warning for resource metadata that lists no authorization server. MCP requires a list, RFC 9728 does not.
 */
export function noIssuerListed(configured: string): Failure {
  const cause =
    "its resource metadata lists no authorization server, so it does not confirm the configured issuer " +
    `${issuerName(configured)}. Tokens are requested there.`;
  return {
    code: "issuer_mismatch",
    detail: findingText({ cause, remedy: "Tell the operator of the server." }),
  };
}

/**
 * Returns how the issuer that a server named differs from the configured one, as a text that follows "one that",
 * without quoting it. The two must be equal as strings (RFC 8414 §3.3). The usual mistake is a slash or a capital
 * letter, which is hard to see. Returns `undefined` if the issuer is an entirely different one.
 */
function issuerDifference(found: unknown, configured: string): string | undefined {
  if (typeof found !== "string") return "is not even a string";
  if (!URL.canParse(found)) return "is not a URL";
  if (withoutSlash(found) === withoutSlash(configured)) return "differs only by a trailing slash";
  if (found.toLowerCase() === configured.toLowerCase()) return "differs only by upper and lower case";
  return isNearIssuer(found, configured)
    ? "differs only by a trailing slash and by upper and lower case"
    : undefined;
}

export function withoutSlash(text: string): string {
  return text.replace(/\/$/, "");
}
