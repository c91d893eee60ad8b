import { findingText } from "../diagnosis/finding.js";
import { checkMetadataIssuer, issuerName } from "../diagnosis/issuer.js";
import { missingMetadataFinding } from "../diagnosis/missing-metadata.js";
import { isJsonObject } from "../lib/json-object.js";
import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import { type MetadataDocument, type MetadataFetch, stringList } from "./metadata-document.js";
import { authorizationServerMetadataUrls } from "./metadata-locations.js";
import {
  describeResults,
  type LocationResult,
  resultDetails,
  searchFailure,
  type TriedLocation,
  tryLocations,
} from "./try-locations.js";

/** Members of the metadata that are lists of strings. */
const listMembers = [
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
  "grant_types_supported",
  "scopes_supported",
  "dpop_signing_alg_values_supported",
] as const;

/** Members of the metadata that are endpoints besides the token endpoint. */
const otherEndpoints = [
  "revocation_endpoint",
  "introspection_endpoint",
  "device_authorization_endpoint",
] as const;

export interface FoundAuthorizationServer {
  readonly metadata: AuthorizationServerMetadata;
  readonly document: MetadataDocument;
}

export interface WantedIssuer {
  readonly issuer: string;
  /** Whether only a server named it, not the config. Messages do not show it then. */
  readonly isLearned?: boolean;
  /** Locations that answered an earlier attempt. They are not tried again. */
  readonly tried?: readonly TriedIssuerLocation[] | undefined;
  /** Called with the locations that have answered, if others may answer later. */
  readonly onTried?: (tried: readonly TriedIssuerLocation[]) => void;
}

/** A document, and its metadata or why it cannot be used. */
interface JudgedDocument {
  readonly document: MetadataDocument;
  readonly outcome: Outcome<AuthorizationServerMetadata>;
}

export type TriedIssuerLocation = TriedLocation<JudgedDocument>;

/**
 * Fetches the metadata of an authorization server (RFC 8414 §3, OpenID Connect Discovery 1.0 §4). The first document
 * whose `issuer` is the wanted one decides, even if it cannot be used. Anything else at a well-known URL is skipped.
 * The caller checks whether the token endpoints may be used, because it knows the egress rules.
 *
 * Fails with `unavailable` (retryable) if a location that may have the document failed temporarily, else with
 * `issuer_mismatch` if there was a document of another issuer, else with `discovery_failed`.
 */
export async function fetchAuthorizationServer(
  fetchOptions: MetadataFetch,
  { issuer, isLearned = false, tried: triedBefore, onTried }: WantedIssuer,
): Promise<Outcome<FoundAuthorizationServer>> {
  const url = new URL(issuer);
  const shown = isLearned
    ? { name: "an authorization server that it lists", details: { issuer } }
    : { name: `authorization server ${issuerName(issuer)}`, details: {} };
  const refuse = (failure: Failure) =>
    fail({ ...failure, details: { ...shown.details, ...failure.details } });
  // RFC 8414 §2 allows neither. With one of them, there is no well-known URL.
  if (url.search !== "" || url.hash !== "") {
    return refuse(unusable(shown.name, "an issuer must have no query and no fragment. Correct it."));
  }
  const locations = authorizationServerMetadataUrls(url).map((each) => ({
    ...{ url: each, isLearned },
    // All of these URLs are on the issuer's own origin.
    takesHeaders: true,
  }));
  const documentName = `the metadata of ${shown.name}`;
  const judge = (document: MetadataDocument) => judgeDocument(document, issuer, shown.name);
  const found = await tryLocations<JudgedDocument>(fetchOptions, {
    ...{ documentName, endpoint: "authorization server metadata", locations, judge, tried: triedBefore },
  });
  const { accepted, tried } = found;
  if (accepted !== undefined) {
    const { document, outcome } = accepted;
    return outcome.ok ? succeed({ metadata: outcome.value, document }) : refuse(outcome.failure);
  }
  const failure = searchFailure(documentName, found);
  if (failure?.retryable === true) onTried?.(tried.filter(({ result }) => result.kind !== "failed"));
  if (failure !== undefined) return refuse(failure);
  const results = isLearned ? "" : ` Tried: ${describeResults(tried)}.`;
  const other = tried.find(({ result }) => result.kind === "other")?.result;
  if (other?.kind === "other") {
    const { outcome } = other.value;
    if (!outcome.ok) return refuse({ ...outcome.failure, detail: `${outcome.failure.detail}${results}` });
  }
  const answers = tried.flatMap(({ result }) => (result.kind === "nothing" ? [result.answer ?? {}] : []));
  const finding = missingMetadataFinding(issuer, answers);
  // Advice about the config's issuer does not apply to one that a server lists, and would show it.
  const advice = isLearned ? "Tell the operator of the server." : findingText(finding);
  const detail = `the metadata of ${shown.name} was not found: no well-known URL has it. ${advice}${results}`;
  return refuse({
    code: "discovery_failed",
    detail,
    finding: finding.id,
    details: resultDetails(isLearned ? [] : tried),
  });
}

function judgeDocument(
  document: MetadataDocument,
  issuer: string,
  name: string,
): LocationResult<JudgedDocument> {
  const { issuer: found, token_endpoint } = document.json;
  if (found === undefined) return withoutMember("issuer");
  const outcome = parseMetadata(document.json, issuer, name);
  const value = { document, outcome };
  if (found !== issuer) return { kind: "other", brief: "names another issuer", value };
  return typeof token_endpoint === "string" ? { kind: "accepted", value } : withoutMember("token_endpoint");
}

function withoutMember(member: string): LocationResult<JudgedDocument> {
  return { kind: "nothing", brief: `answered with JSON that has no "${member}"`, isAbsent: false };
}

/** Returns stored metadata, or `undefined` if the value is not metadata of this issuer. */
export function storedAuthorizationServer(
  value: unknown,
  issuer: string,
): AuthorizationServerMetadata | undefined {
  if (!isJsonObject(value)) return undefined;
  const metadata = parseMetadata(value, issuer, issuerName(issuer));
  return metadata.ok ? metadata.value : undefined;
}

/** Reads the members of a document. `name` is the authorization server as messages name it. */
function parseMetadata(
  json: MetadataDocument["json"],
  issuer: string,
  name: string,
): Outcome<AuthorizationServerMetadata> {
  const { issuer: found, token_endpoint } = json;
  const mismatch = checkMetadataIssuer(found, issuer, name);
  if (mismatch !== undefined) return fail(mismatch);
  if (typeof token_endpoint !== "string") return fail(unusable(name, 'it has no "token_endpoint".'));

  const metadata: Writable<AuthorizationServerMetadata> = { issuer, token_endpoint };
  for (const member of listMembers) {
    const list = stringList(json[member]);
    if (list === false) return fail(unusable(name, `its "${member}" is not a list of strings.`));
    if (list !== undefined) metadata[member] = list;
  }
  // Another endpoint that is wrong is no reason to fail: tokens can be requested without it.
  for (const member of otherEndpoints) {
    const endpoint = optionalUrl(json[member]);
    if (endpoint !== undefined) metadata[member] = endpoint;
  }
  const aliases = endpointAliases(json["mtls_endpoint_aliases"]);
  if (aliases === false) {
    return fail(
      unusable(name, 'its "mtls_endpoint_aliases" is not an object with the URL of a token endpoint.'),
    );
  }
  if (aliases !== undefined) metadata.mtls_endpoint_aliases = aliases;
  return succeed(metadata);
}

/**
 * Returns the aliases of RFC 8705 §5, `undefined` if there are none, and `false` if they do not have the form of the
 * RFC. Another endpoint that is wrong is left out.
 */
function endpointAliases(value: unknown): AuthorizationServerMetadata["mtls_endpoint_aliases"] | false {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) return false;
  const { token_endpoint: token } = value;
  const aliases: Writable<NonNullable<AuthorizationServerMetadata["mtls_endpoint_aliases"]>> = {};
  for (const member of ["token_endpoint", ...otherEndpoints] as const) {
    const endpoint = optionalUrl(value[member]);
    if (endpoint !== undefined) aliases[member] = endpoint;
  }
  if (token !== undefined && token !== null && aliases.token_endpoint === undefined) return false;
  return Object.keys(aliases).length === 0 ? undefined : aliases;
}

function optionalUrl(value: unknown): string | undefined {
  return typeof value === "string" && URL.canParse(value) ? value : undefined;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

function unusable(name: string, why: string): Failure {
  return { code: "discovery_failed", detail: `the metadata of ${name} cannot be used: ${why}` };
}

/**
 * Remembers which locations of an issuer have answered, for the attempts of one token acquisition, which share a
 * signal. A later attempt then tries only the locations that failed temporarily.
 */
export class ResultsByAcquisition {
  readonly #tried = new WeakMap<AbortSignal, Map<string, readonly TriedIssuerLocation[]>>();

  get(signal: AbortSignal | undefined, issuer: string): readonly TriedIssuerLocation[] | undefined {
    return signal && this.#tried.get(signal)?.get(issuer);
  }

  set(signal: AbortSignal | undefined, issuer: string, tried: readonly TriedIssuerLocation[]): void {
    if (signal === undefined) return;
    const byIssuer = this.#tried.get(signal) ?? new Map<string, readonly TriedIssuerLocation[]>();
    this.#tried.set(signal, byIssuer.set(issuer, tried));
  }
}
