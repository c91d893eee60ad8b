import { checkListedIssuers } from "../diagnosis/issuer.js";
import { checkResource } from "../diagnosis/resource.js";
import { machineOf } from "../lib/loopback.js";
import { type Failure, type Outcome, succeed } from "../net/failure.js";
import { absenceFreshFor, freshFor } from "./freshness.js";
import type { ResourceMetadata } from "./metadata.js";
import type { Candidate, MetadataFetch } from "./metadata-document.js";
import { findProtectedResource, storedResourceMetadata } from "./protected-resource.js";
import type { ServerHeaders } from "./server-headers.js";
import { type Loaded, staleFor } from "./shared-lookups.js";

/** What is known of the metadata of an MCP server. */
export interface KnownResource {
  readonly metadata?: ResourceMetadata;
  /** It is for another resource: `misled` where only a challenge led there, which is a hint and no more. */
  readonly other?: "misled" | "published";
  /** Why there is none. `isAbsent`: there is none to be had; else it could not be read. */
  readonly missing?: { readonly isAbsent: boolean; readonly failure: Failure };
  /** URLs that lead to this answer: the one a challenge named, and the one at which it was found. */
  readonly sources: readonly (string | null)[];
}

/** Whose metadata it is, and how the config says to get it. */
export interface ResourceSource {
  readonly url: string;
  readonly resourceMetadata?: string | undefined;
  readonly headers?: ServerHeaders | undefined;
}

const mostSources = 8;

export async function loadResource(
  how: MetadataFetch,
  wanted: {
    readonly url: string;
    readonly named: string | undefined;
    readonly candidates: readonly Candidate[];
  },
): Promise<Outcome<Loaded<KnownResource>>> {
  const { url, named, candidates } = wanted;
  const found = await findProtectedResource(how, url, candidates, { retries: true });
  if (!found.ok) return found;
  if ("failure" in found.value) {
    const missing = found.value;
    const value = { missing, sources: [named ?? null] };
    return succeed({ value, isNothing: true, freshFor: missing.isAbsent ? absenceFreshFor : staleFor });
  }
  const { metadata, document, other } = found.value;
  const value = { metadata, sources: [named ?? null, document.url], ...(other && { other }) };
  return succeed({ value, freshFor: freshFor(document.headers), isNothing: other !== undefined });
}

/** Whether it answers a lookup for which a challenge has named this URL. What is of another resource answers no other. */
export function answers({ sources, other }: KnownResource, named: string | undefined): boolean {
  return sources.includes(named ?? null) || (named === undefined && other === undefined);
}

/** What serves when a lookup fails or finds nothing; from then on it answers that lookup too. */
export function lastGoodResource(named: string | undefined) {
  return (known: KnownResource): KnownResource | undefined => {
    if (known.metadata === undefined || known.other !== undefined) return undefined;
    const sources = [...new Set([named ?? null, ...known.sources])].slice(0, mostSources);
    return { ...known, sources };
  };
}

/** Nothing, or metadata of this server that does not contradict the config: what may be shared with others. */
export function isOf({ metadata, missing }: KnownResource, url: string, issuer: string): boolean {
  if (metadata === undefined) return missing?.isAbsent ?? true;
  return (
    checkResource(metadata.resource, url) === undefined &&
    checkListedIssuers(metadata.authorization_servers, issuer) === undefined
  );
}

/** As JSON. Why there is none is for those who have asked. */
export function toStore({ sources, metadata }: KnownResource): object {
  return { sources, metadata };
}

/** What was stored by this or another version of the package, if it is of the form that this one knows. */
export function storedResource(value: unknown): KnownResource | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { sources, metadata }: { sources?: unknown; metadata?: unknown } = value;
  const isSource = (each: unknown): each is string | null => each === null || typeof each === "string";
  if (!Array.isArray(sources) || !sources.every(isSource)) return undefined;
  if (metadata === undefined) return { sources };
  const judged = storedResourceMetadata(metadata);
  return judged && { sources, metadata: judged };
}

/** `undefined` where it is looked for as usual. With other headers a server may answer otherwise. */
export function resourceVariant(
  configured: string | undefined,
  headers: ServerHeaders | undefined,
): string | undefined {
  if (configured === undefined && headers === undefined) return undefined;
  const place = configured === undefined ? null : [configured, machineOf(configured)];
  return JSON.stringify([place, headers?.id ?? null]);
}
