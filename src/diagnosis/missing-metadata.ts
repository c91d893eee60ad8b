// Why an authorization server seems to publish no metadata. Usually the issuer in the config is not quite right.
import { detailsHave } from "../lib/details-place.js";
import { printableUrl } from "../net/printable-url.js";
import type { Finding } from "./finding.js";

/** What a well-known URL answered in place of a metadata document. */
export interface MetadataAnswer {
  readonly status?: number | undefined;
  /** Whether it is a page for people. */
  readonly isPage?: boolean | undefined;
  /** Whether it redirects to a well-known URL at another origin. */
  readonly isMoved?: boolean | undefined;
}

const withoutMetadata =
  'If the server publishes no metadata, give the client "metadata": { "tokenEndpoint": "https://…/token" }.';

/** Returns why no well-known URL of the issuer has the metadata, from the issuer and the answers. */
export function missingMetadataFinding(issuer: string, answers: readonly MetadataAnswer[]): Finding {
  const url = new URL(issuer);
  return (
    checkTokenEndpoint(url) ??
    checkProduct(url) ??
    checkMoved(answers) ??
    checkGone(answers) ??
    checkProtected(answers) ??
    checkPages(answers) ??
    checkPath(url)
  );
}

/** How token endpoints end, and what the issuer ends in instead. */
const tokenEndpoints: readonly (readonly [RegExp, string])[] = [
  // Keycloak.
  [/\/protocol\/openid-connect\/token$/, ""],
  // Entra ID.
  [/\/oauth2\/v2\.0\/token$/, "/v2.0"],
  // Okta.
  [/(\/oauth2\/[^/]+)\/v1\/token$/, "$1"],
  [/(?:\/oauth2?)?(?:\/v\d)?(?:\/connect)?\/token$/, ""],
];

/** The token endpoint is written where the issuer belongs. */
function checkTokenEndpoint({ origin, pathname }: URL) {
  const path = pathname.replace(/\/$/, "");
  const [pattern, end = ""] = tokenEndpoints.find(([each]) => each.test(path)) ?? [];
  if (pattern === undefined) return undefined;
  const likely = printableUrl(`${origin}${path.replace(pattern, end)}`);
  return {
    id: "issuer_is_token_endpoint",
    cause: "The configured issuer looks like a token endpoint.",
    remedy:
      `Write the issuer${likely === undefined ? "" : `, perhaps ${likely}`}. If the server publishes no metadata, write ` +
      'this URL as "tokenEndpoint" into the "metadata" of the client.',
  };
}

/** Products whose issuers have a form that is easily missed. */
const products: readonly {
  readonly id: string;
  readonly matches: (url: URL) => boolean;
  readonly remedy: string;
}[] = [
  {
    id: "entra_tenant_missing",
    matches: ({ hostname, pathname }) => /^login\.microsoftonline\./.test(hostname) && pathname === "/",
    remedy:
      "An issuer of Entra ID has the ID of the tenant: https://login.microsoftonline.com/TENANT-ID/v2.0.",
  },
  {
    id: "cognito_domain",
    matches: ({ hostname }) => hostname.endsWith(".amazoncognito.com"),
    remedy:
      "This is the domain of a Cognito user pool. Its issuer is https://cognito-idp.REGION.amazonaws.com/POOL-ID.",
  },
];

function checkProduct(url: URL) {
  const product = products.find(({ matches }) => matches(url));
  return product && { id: product.id, remedy: product.remedy };
}

const movedRemedy =
  "Ask its operator for the new issuer, and whether the id and the credential of the client are the same there: a " +
  "credential is never sent to another issuer than the configured one.";

/** A new host serves the metadata. Nothing is read there, because a redirect could name any issuer. */
function checkMoved(answers: readonly MetadataAnswer[]) {
  if (!answers.some(({ isMoved }) => isMoved === true)) return undefined;
  return {
    id: "issuer_moved",
    cause: "It redirects to the metadata at another host, so the authorization server has probably moved.",
    remedy: `${movedRemedy} ${detailsHave("the target")}`,
  };
}

/** RFC 9110 §15.5.11: it was there, and will not come back. */
function checkGone(answers: readonly MetadataAnswer[]) {
  if (!answers.some(({ status }) => status === 410)) return undefined;
  return {
    id: "issuer_gone",
    cause: "Its metadata was removed for good (410), so the authorization server has probably moved.",
    remedy: movedRemedy,
  };
}

/** Something in front of the authorization server wants a credential of its own. */
function checkProtected(answers: readonly MetadataAnswer[]) {
  if (!answers.some(({ status }) => status === 401 || status === 403)) return undefined;
  return {
    id: "metadata_protected",
    cause: "The metadata is protected, perhaps by a gateway.",
    remedy: `If it accepts a header, name it in the "headers" of the client. ${withoutMetadata}`,
  };
}

/** A web page or a login answers: an application and not the authorization server, or a gateway in front of it. */
function checkPages(answers: readonly MetadataAnswer[]) {
  const isPage = ({ status = 0, isPage }: MetadataAnswer) =>
    isPage === true || (status >= 300 && status < 400);
  if (answers.length === 0 || !answers.every(isPage)) return undefined;
  return {
    id: "issuer_is_website",
    cause: "Web pages or redirects answer there, as at the address of an application or behind a login.",
    remedy: `Check the host of the configured issuer. ${withoutMetadata}`,
  };
}

function checkPath({ pathname }: URL) {
  const isRoot = pathname === "/";
  return {
    id: isRoot ? "issuer_path_missing" : "issuer_path_wrong",
    // An issuer with a path is probably complete.
    remedy: isRoot
      ? `Check whether the issuer has a path, such as that of a realm or tenant. ${withoutMetadata}`
      : `${withoutMetadata} Otherwise check the path of the issuer: the name of a realm or tenant may be wrong, or there ` +
        "is a segment too many.",
  };
}
