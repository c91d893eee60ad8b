import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import { isNearIssuer, issuerDifference, issuerName } from "./issuer-difference.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import {
  fetchFirstDocument,
  type MetadataDocument,
  type MetadataFetch,
  stringList,
} from "./metadata-document.js";
import { authorizationServerMetadataUrls } from "./well-known.js";

const lists = [
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
  "grant_types_supported",
  "scopes_supported",
  "dpop_signing_alg_values_supported",
] as const;

export interface FoundAuthorizationServer {
  readonly metadata: AuthorizationServerMetadata;
  readonly document: MetadataDocument;
}

/**
 * Fetches the metadata of an authorization server (RFC 8414 §3, OpenID Connect Discovery 1.0 §4). Whether its token
 * endpoints may be used is for the caller to say, who knows the egress rules.
 */
export async function fetchAuthorizationServer(
  how: MetadataFetch,
  issuer: string,
): Promise<Outcome<FoundAuthorizationServer>> {
  const url = new URL(issuer);
  // RFC 8414 §2: an issuer has neither, and no well-known URL can be made of one that does.
  if (url.search !== "" || url.hash !== "") {
    return fail(broken(issuer, "an issuer must have no query and no fragment. Correct it."));
  }
  const what = `the metadata of authorization server ${issuerName(issuer)}`;
  const found = await fetchFirstDocument(how, what, authorizationServerMetadataUrls(url));
  if (!found.ok) return found;
  if (found.value === undefined) {
    const detail = `there is none at the well-known URLs. Check that the issuer is written as the server publishes it.`;
    return fail(broken(issuer, detail));
  }
  const judged = judge(found.value.json, issuer);
  return judged.ok ? succeed({ metadata: judged.value, document: found.value }) : judged;
}

/** Metadata that was found before and kept; `undefined` for what is none of this issuer. */
export function storedAuthorizationServer(
  value: unknown,
  issuer: string,
): AuthorizationServerMetadata | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const judged = judge({ ...value }, issuer);
  return judged.ok ? judged.value : undefined;
}

function judge(json: MetadataDocument["json"], issuer: string): Outcome<AuthorizationServerMetadata> {
  const { issuer: found, token_endpoint } = json;
  if (found === undefined) return fail(broken(issuer, 'it has no "issuer".'));
  if (found !== issuer) {
    const near = typeof found === "string" && isNearIssuer(found, issuer);
    const remedy = near
      ? "Write it in the config exactly as the server does."
      : "Its metadata is not used, and no credential is sent. Check the issuer with whoever runs the server.";
    const detail = `the metadata of authorization server ${issuerName(issuer)} names another issuer, ${issuerDifference(found, issuer)}. ${remedy}`;
    return fail({ code: "issuer_mismatch", detail });
  }
  if (typeof token_endpoint !== "string") return fail(broken(issuer, 'it has no "token_endpoint".'));

  const metadata: Writable<AuthorizationServerMetadata> = { issuer, token_endpoint };
  for (const name of lists) {
    const list = stringList(json[name]);
    if (list === false) return fail(broken(issuer, `its "${name}" is not a list of strings.`));
    if (list !== undefined) metadata[name] = list;
  }
  const revocation = optionalUrl(json["revocation_endpoint"]);
  // What is wrong with it is no reason to have no token.
  if (revocation !== undefined) metadata.revocation_endpoint = revocation;
  const alias = mtlsTokenEndpoint(json["mtls_endpoint_aliases"]);
  if (alias === false) {
    return fail(
      broken(issuer, 'its "mtls_endpoint_aliases" is not an object with the URL of a token endpoint.'),
    );
  }
  const revocationAlias = optionalUrl(memberOf(json["mtls_endpoint_aliases"], "revocation_endpoint"));
  if (alias !== undefined || revocationAlias !== undefined) {
    metadata.mtls_endpoint_aliases = {
      ...(alias !== undefined && { token_endpoint: alias }),
      ...(revocationAlias !== undefined && { revocation_endpoint: revocationAlias }),
    };
  }
  return succeed(metadata);
}

/** RFC 8705 §5. Aliases of other endpoints are of no use here; `false` for what is not as the RFC has it. */
function mtlsTokenEndpoint(aliases: unknown): string | undefined | false {
  if (aliases === undefined || aliases === null) return undefined;
  if (typeof aliases !== "object" || Array.isArray(aliases)) return false;
  const alias = "token_endpoint" in aliases ? aliases.token_endpoint : undefined;
  if (alias === undefined || alias === null) return undefined;
  return typeof alias === "string" && URL.canParse(alias) && alias;
}

function optionalUrl(value: unknown): string | undefined {
  return typeof value === "string" && URL.canParse(value) ? value : undefined;
}

function memberOf(value: unknown, name: string): unknown {
  // Looked at as a bag of members, whatever it is.
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

function broken(issuer: string, why: string): Failure {
  return {
    code: "discovery_failed",
    detail: `the metadata of authorization server ${issuerName(issuer)} cannot be used: ${why}`,
  };
}
