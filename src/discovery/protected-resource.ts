import { pause } from "../lib/wait.js";
import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { type Answer, askLocations, briefs, detailsOf, type Found, notNow } from "./ask-locations.js";
import { isNearIssuer, issuerDifference, issuerName } from "./issuer-difference.js";
import type { ResourceMetadata } from "./metadata.js";
import {
  type Candidate,
  type MetadataDocument,
  type MetadataFetch,
  stringList,
} from "./metadata-document.js";
import { parseScopes } from "./scopes.js";

export interface FoundResource {
  readonly metadata: ResourceMetadata;
  readonly document: MetadataDocument;
  /** It is for another resource than the server: `misled` where only a challenge led there, which is a hint and no more. */
  readonly other?: "misled" | "published";
}

/** Nothing that could be used, and nothing to wait for. */
export interface NoResource {
  /** There is none at all. Else there was something else in its place, so that nobody can say what the server wants. */
  readonly isAbsent: boolean;
  readonly failure: Failure;
}

const what = "its resource metadata";
/** Milliseconds before what failed is asked once more. */
const retryPause = 250;
/** Longer is not waited where a server asks for it: the token is not to wait for this. */
const longestPause = 1_000;

/**
 * Finds the metadata of an MCP server (RFC 9728 §3): the first document whose `resource` identifies the server decides,
 * and one of another resource counts only where there are no others. What failed for a reason that may pass is asked
 * once more where `retries` says so. It takes no longer than one timeout in all.
 */
export async function findProtectedResource(
  how: MetadataFetch,
  url: string,
  candidates: readonly Candidate[],
  { retries }: { readonly retries: boolean },
): Promise<Outcome<FoundResource | NoResource>> {
  const until = how.clock.now() + how.timeout;
  const judge = (document: MetadataDocument, candidate: Candidate) => judgeDocument(document, candidate, url);
  const locations = { what, endpoint: "resource metadata", candidates, judge, until } as const;
  let found = await askLocations<FoundResource>(how, locations);
  if (found.accepted === undefined) {
    const wait = retries ? pauseBeforeRetry(found) : undefined;
    if (wait !== undefined && how.clock.now() + wait < until) {
      await pause(wait, { clock: how.clock, signal: how.signal, unref: true });
      const known = found.answers.filter(({ answer }) => answer.kind !== "failed");
      found = await askLocations<FoundResource>(how, { ...locations, known });
    }
  }
  const { accepted, answers } = found;
  if (accepted !== undefined) return succeed(accepted);
  const failure = notNow(what, found);
  if (failure !== undefined) return fail(failure);
  const others = answers.flatMap(({ answer }) => (answer.kind === "other" ? [answer.value] : []));
  const other = others.find((each) => each.other === "published") ?? others[0];
  if (other !== undefined) return succeed(other);
  const isAbsent = answers.every(({ answer }) => answer.kind === "nothing" && answer.isAbsent);
  const detail = `${what} was not found: ${briefs(answers)}.`;
  return succeed({ isAbsent, failure: { code: "discovery_failed", detail, details: detailsOf(answers) } });
}

/** `undefined` where there is nothing to ask again, or not soon enough. */
function pauseBeforeRetry({ answers }: Found<FoundResource>): number | undefined {
  const waits = answers.flatMap(({ answer }) =>
    answer.kind === "failed" && answer.failure.retryable === true && answer.failure.code !== "timeout"
      ? [Math.max(answer.failure.retryAfter ?? 0, retryPause)]
      : [],
  );
  const wait = Math.min(...waits);
  return wait <= longestPause ? wait : undefined;
}

function judgeDocument(
  document: MetadataDocument,
  { isLearned }: Candidate,
  url: string,
): Answer<FoundResource> {
  const metadata = judge(document.json);
  if (typeof metadata === "string") return { kind: "nothing", brief: metadata, isAbsent: false };
  const found = { metadata, document };
  if (resourceMismatch(metadata.resource, url) === undefined) return { kind: "accepted", value: found };
  const other = isLearned ? "misled" : "published";
  return { kind: "other", brief: "is for another resource", value: { ...found, other } };
}

/** Metadata that was found before and kept; `undefined` for what is none. */
export function storedResourceMetadata(value: unknown): ResourceMetadata | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const metadata = judge({ ...value });
  return typeof metadata === "string" ? undefined : metadata;
}

/** What the document says, or what is wrong with it. */
function judge(json: MetadataDocument["json"]): ResourceMetadata | string {
  const { resource, authorization_servers, scopes_supported, dpop_signing_alg_values_supported } = json;
  if (typeof resource !== "string" || resource === "") return 'answered with JSON that has no "resource"';
  const issuers = stringList(authorization_servers);
  if (issuers === false) return 'answered with "authorization_servers" that is not a list of strings';
  const scopes = stringList(scopes_supported);
  if (scopes === false) return 'answered with "scopes_supported" that is not a list of strings';
  const proofAlgorithms = stringList(dpop_signing_alg_values_supported);
  if (proofAlgorithms === false)
    return 'answered with "dpop_signing_alg_values_supported" that is not a list of strings';
  const usable = parseScopes(scopes);
  return {
    resource,
    ...(issuers === undefined ? {} : { authorization_servers: issuers }),
    ...(usable === undefined ? {} : { scopes_supported: usable }),
    ...(proofAlgorithms === undefined ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
  };
}

/**
 * Whether `resource` identifies the server at `url`: same origin, its path the server's or above it at a segment
 * boundary, no fragment (RFC 8707 §2), and a query only if it is the server's. Else a token for it would be one for
 * another server. RFC 9728 §3.3 wants the two identical; MCP servers commonly name their origin.
 */
export function resourceMismatch(resource: string, url: string): Failure | undefined {
  if (identifies(resource, url)) return undefined;
  const detail =
    `its resource metadata is for another resource, ${resourceDifference(resource, new URL(url))}. ` +
    `It must be for the server's URL (${printableUrl(url) ?? "see the config"}) or a path above it. ` +
    'Check the URL in the config. If it is right, tell the operator of the server, and set "resource" in the grant to what ' +
    'tokens are to be asked for, or "resourceMetadata" on the server to where the right metadata is, or to false. ' +
    "The error's `details` has the resource.";
  return { code: "resource_mismatch", detail, details: { resource } };
}

/** Says in what way a resource is another one, without quoting it. */
function resourceDifference(resource: string, wanted: URL): string {
  if (!URL.canParse(resource)) return "which is not a URL";
  const found = new URL(resource);
  if (found.hostname !== wanted.hostname) return "on another host";
  if (found.protocol !== wanted.protocol) return "with another scheme";
  if (found.port !== wanted.port) return "on another port";
  if (resource.includes("#")) return "with a fragment";
  if (found.username !== "" || found.password !== "") return "with a user name or password";
  return found.search !== "" && found.search !== wanted.search ? "with another query" : "with another path";
}

function identifies(resource: string, url: string): boolean {
  if (!URL.canParse(resource) || resource.includes("#")) return false;
  const wanted = new URL(url);
  const found = new URL(resource);
  if (found.origin !== wanted.origin || found.username !== "" || found.password !== "") return false;
  if (found.search !== "" && found.search !== wanted.search) return false;
  const withSlash = (path: string): string => (path.endsWith("/") ? path : `${path}/`);
  return withSlash(wanted.pathname).startsWith(withSlash(found.pathname));
}

/** Whether the server still takes tokens of the pinned issuer. A list that is empty or absent says nothing of it. */
export function issuerNotListed(metadata: ResourceMetadata, issuer: string): Failure | undefined {
  const listed = metadata.authorization_servers ?? [];
  if (listed.length === 0 || listed.includes(issuer)) return undefined;
  const near = listed.find((candidate) => isNearIssuer(candidate, issuer));
  const others = listed.length === 1 ? "another one" : `${listed.length} others`;
  const why =
    near === undefined ? `it lists ${others}` : `it lists one that ${issuerDifference(near, issuer)}`;
  const remedy =
    near === undefined
      ? "No credential is sent elsewhere. Check with whoever runs the server which issuer is right."
      : "Write the issuer in the config exactly as the authorization server's own metadata has it. Where the two servers " +
        'disagree, write what this one lists and give the client "metadata" with the token endpoint.';
  const detail =
    `its resource metadata does not list the configured issuer ${issuerName(issuer)}: ${why}. ${remedy} ` +
    "The error's `details` has what it lists.";
  // The near one first: of a long list only the beginning is kept.
  const authorization_servers = near === undefined ? listed : [...new Set([near, ...listed])];
  return { code: "issuer_mismatch", detail, details: { authorization_servers } };
}

/** Metadata that does not say who issues tokens for the server. MCP wants it to; RFC 9728 leaves it open. */
export function noIssuerListed(issuer: string): Failure {
  const detail =
    `its resource metadata lists no authorization server, so it does not confirm the configured issuer ` +
    `${issuerName(issuer)}. Tokens are requested there. Tell the operator of the server.`;
  return { code: "issuer_mismatch", detail };
}
