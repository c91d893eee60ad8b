import { checkListedIssuers } from "../diagnosis/issuer.js";
import { checkResource } from "../diagnosis/resource.js";
import { isJsonObject } from "../lib/json-object.js";
import { machineOf } from "../lib/loopback.js";
import { type Failure, type Outcome, succeed } from "../net/failure.js";
import { absenceFreshFor, freshFor, type Loaded, staleFor } from "./lookup-cache.js";
import type { ResourceMetadata } from "./metadata.js";
import type { MetadataFetch, MetadataLocation, ServerHeaders } from "./metadata-document.js";
import { type FoundResource, findProtectedResource, storedResourceMetadata } from "./protected-resource.js";

/** The result of a lookup of resource metadata, as the cache holds it. */
export interface CachedResource {
  readonly metadata?: ResourceMetadata;
  /** The metadata is for another resource; see `FoundResource`. */
  readonly other?: FoundResource["other"];
  /** Why there is no metadata. `isAbsent`: the server publishes none. Otherwise it could not be read. */
  readonly missing?: { readonly isAbsent: boolean; readonly failure: Failure };
  /**
   * The URLs that lead to this result: the one that a challenge named (`null` for no challenge URL), and the one where
   * the metadata was found.
   */
  readonly sources: readonly (string | null)[];
}

/** The MCP server that the metadata is about, and how the config says to fetch it. */
export interface ResourceSource {
  readonly url: string;
  readonly resourceMetadata?: string | undefined;
  readonly headers?: ServerHeaders | undefined;
}

const maxSources = 8;

/** Fetches resource metadata for the cache. `challengeUrl` is the URL that a challenge names, if it may be followed. */
export async function loadResource(
  fetchOptions: MetadataFetch,
  wanted: {
    readonly url: string;
    readonly challengeUrl: string | undefined;
    readonly locations: readonly MetadataLocation[];
  },
): Promise<Outcome<Loaded<CachedResource>>> {
  const { url, challengeUrl, locations } = wanted;
  const found = await findProtectedResource(fetchOptions, url, locations, { retries: true });
  if (!found.ok) return found;
  if ("failure" in found.value) {
    const missing = found.value;
    const value = { missing, sources: [challengeUrl ?? null] };
    return succeed({ value, isEmpty: true, freshFor: missing.isAbsent ? absenceFreshFor : staleFor });
  }
  const { metadata, document, other } = found.value;
  const value = { metadata, sources: [challengeUrl ?? null, document.url], ...(other && { other }) };
  return succeed({ value, freshFor: freshFor(document.headers), isEmpty: other !== undefined });
}

/**
 * Returns whether a cached result answers a lookup after a challenge that named `challengeUrl`, or after none. Metadata
 * of another resource answers only the lookup that led to it.
 */
export function answersLookup({ sources, other }: CachedResource, challengeUrl: string | undefined): boolean {
  return sources.includes(challengeUrl ?? null) || (challengeUrl === undefined && other === undefined);
}

/**
 * Returns a function that returns the part of a cached result that is used when a lookup fails or finds nothing. The
 * part then answers that lookup, too.
 */
export function lastGoodResource(challengeUrl: string | undefined) {
  return (cached: CachedResource): CachedResource | undefined => {
    if (cached.metadata === undefined || cached.other !== undefined) return undefined;
    const sources = [...new Set([challengeUrl ?? null, ...cached.sources])].slice(0, maxSources);
    return { ...cached, sources };
  };
}

/**
 * Returns whether other processes may use the result: the server publishes no metadata, or metadata that fits the
 * config.
 */
export function agreesWithConfig(
  { metadata, missing }: CachedResource,
  url: string,
  issuer: string,
): boolean {
  if (metadata === undefined) return missing?.isAbsent ?? true;
  return (
    checkResource(metadata.resource, url) === undefined &&
    checkListedIssuers(metadata.authorization_servers, issuer) === undefined
  );
}

/** Returns the part that is stored, as JSON. Leaves out why metadata is missing, which concerns only this process. */
export function toStore({ sources, metadata }: CachedResource): object {
  return { sources, metadata };
}

/** Returns a stored result, or `undefined` if the value does not have the form of this version of the package. */
export function storedResource(value: unknown): CachedResource | undefined {
  if (!isJsonObject(value)) return undefined;
  const { sources, metadata } = value;
  const isSource = (each: unknown): each is string | null => each === null || typeof each === "string";
  if (!Array.isArray(sources) || !sources.every(isSource)) return undefined;
  if (metadata === undefined) return { sources };
  const stored = storedResourceMetadata(metadata);
  return stored && { sources, metadata: stored };
}

/**
 * Returns a name for lookups with a location or headers from the config, because they may find another document;
 * `undefined` for lookups without them.
 */
export function resourceVariant(
  configured: string | undefined,
  headers: ServerHeaders | undefined,
): string | undefined {
  if (configured === undefined && headers === undefined) return undefined;
  const location = configured === undefined ? null : [configured, machineOf(configured)];
  return JSON.stringify([location, headers?.id ?? null]);
}
