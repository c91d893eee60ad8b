import { checkMetadataIssuer, issuerName } from "../diagnosis/issuer.js";
import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import { type Answer, type Asked, askLocations, briefs, detailsOf, notNow } from "./ask-locations.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import { type MetadataDocument, type MetadataFetch, stringList } from "./metadata-document.js";
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

export interface WantedIssuer {
  readonly issuer: string;
  /** A server named it, and nobody else: messages do not show it. */
  readonly isLearned?: boolean;
  /** What locations answered to an attempt before this one; those that failed for a reason that may pass are asked again. */
  readonly known?: readonly AskedIssuer[] | undefined;
  /** Told what locations answered, where some may be asked again. */
  readonly onAnswers?: (answers: readonly AskedIssuer[]) => void;
}

/** The document, and what it says. It decides even where that cannot be used. */
interface Judged {
  readonly document: MetadataDocument;
  readonly outcome: Outcome<AuthorizationServerMetadata>;
}

export type AskedIssuer = Asked<Judged>;

/**
 * Fetches the metadata of an authorization server (RFC 8414 §3, OpenID Connect Discovery 1.0 §4): the first document whose
 * `issuer` is the one that is looked for decides. Anything else at a well-known URL is passed over. Whether its token
 * endpoints may be used is for the caller to say, who knows the egress rules.
 *
 * `unavailable`, which is retryable, where a location failed that may have it; else `issuer_mismatch` where there was a
 * document of another issuer, and `discovery_failed`.
 */
export async function fetchAuthorizationServer(
  how: MetadataFetch,
  { issuer, isLearned = false, known, onAnswers }: WantedIssuer,
): Promise<Outcome<FoundAuthorizationServer>> {
  const url = new URL(issuer);
  const named = isLearned
    ? { name: "an authorization server that it lists", details: { issuer } }
    : { name: `authorization server ${issuerName(issuer)}`, details: {} };
  const refuse = (failure: Failure) =>
    fail({ ...failure, details: { ...named.details, ...failure.details } });
  // RFC 8414 §2: an issuer has neither, and no well-known URL can be made of one that does.
  if (url.search !== "" || url.hash !== "") {
    return refuse(broken(named.name, "an issuer must have no query and no fragment. Correct it."));
  }
  const candidates = authorizationServerMetadataUrls(url).map((each) => ({ url: each, isLearned }));
  const what = `the metadata of ${named.name}`;
  const judge = (document: MetadataDocument) => judgeDocument(document, issuer, named.name);
  const found = await askLocations<Judged>(how, {
    ...{ what, endpoint: "authorization server metadata", candidates, judge, known },
  });
  const { accepted, answers } = found;
  if (accepted !== undefined) {
    const { document, outcome } = accepted;
    return outcome.ok ? succeed({ metadata: outcome.value, document }) : refuse(outcome.failure);
  }
  const failure = notNow(what, found);
  if (failure?.retryable === true) onAnswers?.(answers.filter(({ answer }) => answer.kind !== "failed"));
  if (failure !== undefined) return refuse(failure);
  const said = isLearned ? "" : ` Asked: ${briefs(answers)}.`;
  const other = answers.find(({ answer }) => answer.kind === "other")?.answer;
  if (other?.kind === "other") {
    const { outcome } = other.value;
    if (!outcome.ok) return refuse({ ...outcome.failure, detail: `${outcome.failure.detail}${said}` });
  }
  const detail =
    `the metadata of ${named.name} was not found: no well-known URL has it. Check that the issuer is written as the ` +
    `server publishes it, or give the client "metadata" with the token endpoint.${said}`;
  return refuse({ code: "discovery_failed", detail, details: detailsOf(isLearned ? [] : answers) });
}

function judgeDocument(document: MetadataDocument, issuer: string, name: string): Answer<Judged> {
  const { issuer: found, token_endpoint } = document.json;
  if (found === undefined) return lacking("issuer");
  const outcome = judge(document.json, issuer, name);
  const value = { document, outcome };
  if (found !== issuer) return { kind: "other", brief: "names another issuer", value };
  return typeof token_endpoint === "string" ? { kind: "accepted", value } : lacking("token_endpoint");
}

function lacking(member: string): Answer<Judged> {
  return { kind: "nothing", brief: `answered with JSON that has no "${member}"`, isAbsent: false };
}

/** Metadata that was found before and kept; `undefined` for what is none of this issuer. */
export function storedAuthorizationServer(
  value: unknown,
  issuer: string,
): AuthorizationServerMetadata | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const judged = judge({ ...value }, issuer, issuerName(issuer));
  return judged.ok ? judged.value : undefined;
}

/** @param name the authorization server, for messages */
function judge(
  json: MetadataDocument["json"],
  issuer: string,
  name: string,
): Outcome<AuthorizationServerMetadata> {
  const { issuer: found, token_endpoint } = json;
  const mismatch = checkMetadataIssuer(found, issuer, name);
  if (mismatch !== undefined) return fail(mismatch);
  if (typeof token_endpoint !== "string") return fail(broken(name, 'it has no "token_endpoint".'));

  const metadata: Writable<AuthorizationServerMetadata> = { issuer, token_endpoint };
  for (const member of lists) {
    const list = stringList(json[member]);
    if (list === false) return fail(broken(name, `its "${member}" is not a list of strings.`));
    if (list !== undefined) metadata[member] = list;
  }
  const revocation = optionalUrl(json["revocation_endpoint"]);
  // What is wrong with it is no reason to have no token.
  if (revocation !== undefined) metadata.revocation_endpoint = revocation;
  const alias = mtlsTokenEndpoint(json["mtls_endpoint_aliases"]);
  if (alias === false) {
    return fail(
      broken(name, 'its "mtls_endpoint_aliases" is not an object with the URL of a token endpoint.'),
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

function broken(name: string, why: string): Failure {
  return { code: "discovery_failed", detail: `the metadata of ${name} cannot be used: ${why}` };
}
