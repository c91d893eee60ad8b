import { detailsHave } from "../lib/details-place.js";
import type { Failure } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { entraIssuerFinding } from "./entra-issuer.js";
import { findingText } from "./finding.js";
import { differenceInWords, type UrlDifference, urlDifference } from "./url-difference.js";

/** Returns the config's issuer as messages show it. An issuer that only a server names is not shown. */
export function issuerName(issuer: string): string {
  return printableUrl(issuer) ?? "(an issuer that is not a plain URL)";
}

const unused = "Its metadata is not used, and no credential is sent.";

/** What to do about metadata with another issuer, if the difference tells more than that. */
const remedies: Partial<Record<UrlDifference, string>> = {
  trailing_slash: "Write it in the config exactly as the server does.",
  letter_case: "Write it in the config exactly as the server does.",
  slash_and_case: "Write it in the config exactly as the server does.",
  spelling: "Write it in the config exactly as the server does.",
  template:
    `${unused} The configured issuer stands for all tenants. Write the issuer of your tenant, whose name or ID ` +
    "replaces the placeholder.",
  loopback:
    `${unused} The server does not know its public URL. Have its operator set it, or give the client "metadata" with ` +
    "the token endpoint.",
  http_not_https:
    `${unused} The server does not know that a proxy in front of it adds TLS. Have its operator set its public URL, or ` +
    'give the client "metadata" with the token endpoint.',
  longer_path: `${unused} The configured issuer may lack a realm or tenant: compare the two.`,
  shorter_path: `${unused} The configured issuer may have a path segment too many: compare the two.`,
  other_segment: `${unused} The configured issuer may have the name of a realm or tenant where the server has its ID.`,
};

/**
 * Checks the `issuer` of authorization server metadata (RFC 8414 §3.3). `name` is the authorization server as messages
 * name it. Returns `issuer_mismatch` if it is not the configured one: the two must be equal as strings.
 */
export function checkMetadataIssuer(found: unknown, configured: string, name: string): Failure | undefined {
  const difference = urlDifference(found, configured);
  if (difference === undefined) return undefined;
  const entra = entraIssuerFinding(difference, configured);
  const cause = `the metadata of ${name} names another issuer, which ${differenceInWords[difference]}.`;
  const remedy =
    entra === undefined
      ? (remedies[difference] ?? `${unused} Check the issuer with the operator of the server.`)
      : `${unused} ${entra.remedy}`;
  return {
    code: "issuer_mismatch",
    detail: `${findingText({ cause, remedy })} ${detailsHave("it")}`,
    finding: entra?.id ?? `issuer_${difference}`,
    details: { issuer: found },
  };
}

/** Differences that a person may overlook, the most likely mistake first. */
const nearDifferences: readonly UrlDifference[] = [
  ...(["trailing_slash", "letter_case", "slash_and_case", "spelling"] as const),
  ...([
    "http_not_https",
    "https_not_http",
    "longer_path",
    "shorter_path",
    "other_segment",
    "other_path",
  ] as const),
];
const spellings: ReadonlySet<UrlDifference> = new Set(nearDifferences.slice(0, 4));

/**
 * Checks the `authorization_servers` of resource metadata (RFC 9728 §2). Returns `issuer_mismatch` if it lists
 * authorization servers, but not the configured issuer. A list that is absent or empty says nothing.
 */
export function checkListedIssuers(
  listed: readonly string[] | undefined,
  configured: string,
): Failure | undefined {
  if (listed === undefined || listed.length === 0 || listed.includes(configured)) return undefined;
  const near = nearestIssuer(listed, configured);
  const others = listed.length === 1 ? "another one" : `${listed.length} others`;
  const found = near === undefined ? others : `one that ${differenceInWords[near.difference]}`;
  const cause =
    `its resource metadata does not list the configured issuer ${issuerName(configured)}: ` +
    `it lists ${found}.`;
  return {
    code: "issuer_mismatch",
    detail: `${findingText({ cause, remedy: listedRemedy(near?.difference) })} ${detailsHave("what it lists")}`,
    finding: near === undefined ? "issuer_not_listed" : `issuer_listed_${near.difference}`,
    // The similar issuer comes first, because `details` keeps only the beginning of a long list.
    details: { authorization_servers: near === undefined ? listed : [...new Set([near.issuer, ...listed])] },
  };
}

function nearestIssuer(
  listed: readonly string[],
  configured: string,
): { readonly issuer: string; readonly difference: UrlDifference } | undefined {
  const all = listed.flatMap((issuer) => {
    const difference = urlDifference(issuer, configured);
    return difference === undefined ? [] : [{ issuer, difference }];
  });
  for (const wanted of nearDifferences) {
    const near = all.find(({ difference }) => difference === wanted);
    if (near !== undefined) return near;
  }
  return undefined;
}

function listedRemedy(near: UrlDifference | undefined): string {
  if (near === undefined)
    return (
      "Ask the operator of the server whose tokens it accepts. If those of a listed issuer, write that one as the " +
      '"issuer" of the client, with the id and credential that are registered there. If those of the configured one, set ' +
      '"resourceMetadata": false on the server, so that its list is not read.'
    );
  if (spellings.has(near))
    return (
      "Write the issuer in the config exactly as the authorization server's own metadata has it. If the two servers " +
      'disagree, write what this one lists and give the client "metadata" with the token endpoint.'
    );
  return (
    "No credential is sent there. It is probably the issuer of the same authorization server: check with its operator " +
    "which one is right, such as that of another realm or tenant, and write that one."
  );
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
    finding: "no_issuer_listed",
  };
}
