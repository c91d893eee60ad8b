/**
 * Where the metadata of an authorization server can be, in the order of the MCP specification (RFC 8414 §3.1 and §5,
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

/**
 * Where the metadata of a protected resource can be: RFC 9728 §3.1 with the path of the server, then the root.
 * A path that ends in a slash is tried as it is and without, since servers read the RFC both ways.
 */
export function resourceMetadataUrls(server: URL): readonly string[] {
  const root = `${server.origin}/.well-known/oauth-protected-resource`;
  const path = server.pathname === "/" ? "" : server.pathname;
  return [...new Set([`${root}${path}${server.search}`, `${root}${path.replace(/\/$/, "")}`, root])];
}
