import type { Candidate } from "./metadata-document.js";
import { resourceMetadataUrls } from "./well-known.js";

export interface ResourcePlaces {
  /** The MCP server. */
  readonly url: string;
  /** The config's issuer. */
  readonly issuer: string;
  /** The config's only place; `false` for none. */
  readonly configured?: string | false | undefined;
  /** What the challenge of the server names. */
  readonly named?: string | undefined;
}

const wellKnown = "/.well-known/oauth-protected-resource";

/**
 * Where the metadata of a resource is looked for, in this order: where the challenge says (RFC 9728 §5.1), then at the
 * well-known URLs (§3.1); where the config says, there and nowhere else.
 */
export function resourceCandidates({ url, configured, named }: ResourcePlaces): readonly Candidate[] {
  if (configured === false) return [];
  if (configured !== undefined) return [{ url: configured, isLearned: false, takesHeaders: true }];
  const own = resourceMetadataUrls(new URL(url));
  const urls = new Set([...(named === undefined ? [] : [named]), ...own]);
  return [...urls].map((each) => {
    return { url: each, isLearned: !own.includes(each), takesHeaders: isWellKnownOf(url, each) };
  });
}

/**
 * The URL of a challenge, if it may be followed: to the server's or the issuer's origin, or to the URL of the config. Any
 * other, and what is no such URL, is as if the challenge named none (RFC 9728 §5.1 wants an absolute URL).
 */
export function followed({ url, issuer, configured, named }: ResourcePlaces): string | undefined {
  if (named === undefined || configured === false || !URL.canParse(named)) return undefined;
  if (configured !== undefined) return named === configured ? named : undefined;
  const { origin, username, password } = new URL(named);
  if (username !== "" || password !== "") return undefined;
  const isKnown = [url, issuer].some((known) => URL.canParse(known) && new URL(known).origin === origin);
  return isKnown && origin !== "null" ? named : undefined;
}

/** Whether the config's headers for an MCP server go to this metadata URL of a protected resource. */
function isWellKnownOf(server: string, url: string): boolean {
  const { origin, pathname } = new URL(url);
  const isMetadata = pathname === wellKnown || pathname.startsWith(`${wellKnown}/`);
  return origin === new URL(server).origin && isMetadata;
}
