import { checkResource } from "../diagnosis/resource.js";
import { isJsonObject } from "../lib/json-object.js";
import { parseScopes } from "../lib/scopes.js";
import { pause } from "../lib/wait.js";
import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import type { ResourceMetadata } from "./metadata.js";
import {
  type MetadataDocument,
  type MetadataFetch,
  type MetadataLocation,
  stringList,
} from "./metadata-document.js";
import {
  describeResults,
  type LocationResult,
  resultDetails,
  type SearchResult,
  searchFailure,
  tryLocations,
} from "./try-locations.js";

export interface FoundResource {
  readonly metadata: ResourceMetadata;
  readonly document: MetadataDocument;
  /**
   * Present if the document is for another resource than the server. `published`: it is at a well-known URL of the
   * server. `hinted`: only a challenge named its URL, which proves nothing.
   */
  readonly other?: "hinted" | "published";
}

/** The result if all locations have answered and none of them has metadata. */
export interface NoResource {
  /** Whether all answered with a client error: the server publishes no metadata. */
  readonly isAbsent: boolean;
  readonly failure: Failure;
}

const documentName = "its resource metadata";
/** Milliseconds before locations that failed are tried once more. */
const retryPause = 250;
/** In milliseconds. A longer `Retry-After` is not waited for, because the token request waits for this search. */
const longestPause = 1_000;

/**
 * Finds the metadata of the MCP server at `url` (RFC 9728 §3). The first document whose `resource` identifies the
 * server decides. A document for another resource is returned only if there is no such document. With `retries`,
 * locations that failed temporarily are tried once more. The whole search takes one timeout at most.
 */
export async function findProtectedResource(
  fetchOptions: MetadataFetch,
  url: string,
  locations: readonly MetadataLocation[],
  { retries }: { readonly retries: boolean },
): Promise<Outcome<FoundResource | NoResource>> {
  const { clock, signal, timeout } = fetchOptions;
  const until = clock.now() + timeout;
  const judge = (document: MetadataDocument, location: MetadataLocation) =>
    judgeDocument(document, location, url);
  const search = { documentName, endpoint: "resource metadata", locations, judge, until } as const;
  let found = await tryLocations<FoundResource>(fetchOptions, search);
  if (found.accepted === undefined) {
    const wait = retries ? pauseBeforeRetry(found) : undefined;
    if (wait !== undefined && clock.now() + wait < until) {
      await pause(wait, { clock, signal, unref: true });
      const answered = found.tried.filter(({ result }) => result.kind !== "failed");
      found = await tryLocations<FoundResource>(fetchOptions, { ...search, tried: answered });
    }
  }
  const { accepted, tried } = found;
  if (accepted !== undefined) return succeed(accepted);
  const failure = searchFailure(documentName, found);
  if (failure !== undefined) return fail(failure);
  const others = tried.flatMap(({ result }) => (result.kind === "other" ? [result.value] : []));
  const other = others.find((each) => each.other === "published") ?? others[0];
  if (other !== undefined) return succeed(other);
  const isAbsent = tried.every(({ result }) => result.kind === "nothing" && result.isAbsent);
  const detail = `${documentName} was not found: ${describeResults(tried)}.`;
  return succeed({
    isAbsent,
    failure: { code: "discovery_failed", detail, details: resultDetails(tried) },
  });
}

/** Returns how long to wait before the second try, or `undefined` if no location may be tried again soon enough. */
function pauseBeforeRetry({ tried }: SearchResult<FoundResource>): number | undefined {
  const waits = tried.flatMap(({ result }) =>
    result.kind === "failed" && result.failure.retryable === true && result.failure.code !== "timeout"
      ? [Math.max(result.failure.retryAfter ?? 0, retryPause)]
      : [],
  );
  const wait = Math.min(...waits);
  return wait <= longestPause ? wait : undefined;
}

function judgeDocument(
  document: MetadataDocument,
  { isLearned }: MetadataLocation,
  url: string,
): LocationResult<FoundResource> {
  const metadata = parseMetadata(document.json);
  if (typeof metadata === "string") return { kind: "nothing", brief: metadata, isAbsent: false };
  const found = { metadata, document };
  if (checkResource(metadata.resource, url) === undefined) return { kind: "accepted", value: found };
  const other = isLearned ? "hinted" : "published";
  return { kind: "other", brief: "is for another resource", value: { ...found, other } };
}

/** Returns stored metadata, or `undefined` if the value is not metadata. */
export function storedResourceMetadata(value: unknown): ResourceMetadata | undefined {
  if (!isJsonObject(value)) return undefined;
  const metadata = parseMetadata(value);
  return typeof metadata === "string" ? undefined : metadata;
}

/** Reads the members of a document. If something is wrong with it, returns a text that says what. */
function parseMetadata(json: MetadataDocument["json"]): ResourceMetadata | string {
  const { resource, authorization_servers, scopes_supported, dpop_signing_alg_values_supported } = json;
  if (typeof resource !== "string" || resource === "") return 'answered with JSON that has no "resource"';
  const issuers = stringList(authorization_servers);
  if (issuers === false) return 'answered with "authorization_servers" that is not a list of strings';
  const scopes = stringList(scopes_supported);
  if (scopes === false) return 'answered with "scopes_supported" that is not a list of strings';
  const proofAlgorithms = stringList(dpop_signing_alg_values_supported);
  if (proofAlgorithms === false)
    return 'answered with "dpop_signing_alg_values_supported" that is not a list of strings';
  const wellFormedScopes = parseScopes(scopes);
  return {
    resource,
    ...(issuers === undefined ? {} : { authorization_servers: issuers }),
    ...(wellFormedScopes === undefined ? {} : { scopes_supported: wellFormedScopes }),
    ...(proofAlgorithms === undefined ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
  };
}
