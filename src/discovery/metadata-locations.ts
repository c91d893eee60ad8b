import type { MetadataLocation } from "./metadata-document.js";

/**
 * Returns the well-known URLs of an authorization server, in the order of the MCP specification (RFC 8414 §3.1 and §5,
 * OpenID Connect Discovery 1.0 §4).
 */
export function authorizationServerMetadataUrls(issuer: URL): readonly string[] {
  const { origin } = issuer;
  const path = issuer.pathname.replace(/\/$/, "");
  const inserted = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
  ];
  return path === "" ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/** The well-known path of resource metadata, RFC 9728 §3. */
const wellKnown = "/.well-known/oauth-protected-resource";

/**
 * Returns the well-known URLs of a protected resource (RFC 9728 §3.1): with the path of the server, then at the root. A
 * path that ends in a slash is tried with and without it, because servers read the RFC both ways.
 */
export function resourceMetadataUrls(server: URL): readonly string[] {
  const root = `${server.origin}${wellKnown}`;
  const path = server.pathname === "/" ? "" : server.pathname;
  return [...new Set([`${root}${path}${server.search}`, `${root}${path.replace(/\/$/, "")}`, root])];
}

/** Everything that determines where the metadata of an MCP server may be. */
export interface ResourceHints {
  /** The URL of the MCP server. */
  readonly url: string;
  /** The config's issuer. */
  readonly issuer: string;
  /** The config's `resourceMetadata`: the only location, or `false` for none. */
  readonly configured?: string | false | undefined;
  /** The `resource_metadata` of the server's challenge (RFC 9728 §5.1). */
  readonly challengeUrl?: string | undefined;
}

/**
 * Returns the locations of resource metadata in order of precedence: the URL of the challenge (RFC 9728 §5.1), then the
 * well-known URLs (§3.1). If the config has a location, it is the only one.
 */
export function resourceLocations({
  url,
  configured,
  challengeUrl,
}: ResourceHints): readonly MetadataLocation[] {
  if (configured === false) return [];
  if (configured !== undefined) return [{ url: configured, isLearned: false, takesHeaders: true }];
  const wellKnownUrls = resourceMetadataUrls(new URL(url));
  const urls = new Set([...(challengeUrl === undefined ? [] : [challengeUrl]), ...wellKnownUrls]);
  return [...urls].map((each) => {
    return { url: each, isLearned: !wellKnownUrls.includes(each), takesHeaders: isWellKnownOf(url, each) };
  });
}

/**
 * Returns the URL of a challenge if it may be followed: if it has the origin of the server or of the issuer, or, if the
 * config has a location, if it is that location. Any other URL is ignored (RFC 9728 §5.1 requires an absolute URL).
 */
export function allowedChallengeUrl({
  url,
  issuer,
  configured,
  challengeUrl,
}: ResourceHints): string | undefined {
  if (challengeUrl === undefined || configured === false || !URL.canParse(challengeUrl)) return undefined;
  if (configured !== undefined) return challengeUrl === configured ? challengeUrl : undefined;
  const { origin, username, password } = new URL(challengeUrl);
  if (username !== "" || password !== "") return undefined;
  const isKnown = [url, issuer].some((known) => URL.canParse(known) && new URL(known).origin === origin);
  return isKnown && origin !== "null" ? challengeUrl : undefined;
}

/** Returns whether the config's headers for the MCP server are sent to this URL: a well-known URL of its own origin. */
function isWellKnownOf(server: string, url: string): boolean {
  const { origin, pathname } = new URL(url);
  const isMetadata = pathname === wellKnown || pathname.startsWith(`${wellKnown}/`);
  return origin === new URL(server).origin && isMetadata;
}
