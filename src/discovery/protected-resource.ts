import { checkResource } from "../diagnosis/resource.js";
import { pause } from "../lib/wait.js";
import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import { type Answer, askLocations, briefs, detailsOf, type Found, notNow } from "./ask-locations.js";
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
  if (checkResource(metadata.resource, url) === undefined) return { kind: "accepted", value: found };
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
