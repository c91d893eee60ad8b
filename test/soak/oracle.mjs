// Knows what callers may expect, from what came over the wire alone.

/** More than can be usable at one time. */
const mostKnown = 8;

export function oracle() {
  /** By server: the tokens that were delivered. */
  const delivered = new Map();
  const ofServer = (name) => delivered.get(name) ?? delivered.set(name, []).get(name);
  // Certain to be: what is counted from differs by as long as it takes to make a request, on a busy machine too.
  const margin = 500;

  return {
    /** Wraps `fetch`: notes each token that comes, and each that the MCP server refuses. */
    watched: (fetch) => async (input, init) => {
      const sentAt = Date.now();
      const response = await fetch(input, init);
      const url = String(input);
      if (url.endsWith("/token") && response.ok) await noteToken(response.clone(), sentAt);
      if (response.status === 401 && !url.endsWith("/token")) noteRefusal(new Headers(init.headers));
      return response;
    },
    /** The last one that came: it took the place of those before. */
    latest: (name) => ofServer(name).at(-1),
    isUsable(token, now) {
      if (token === undefined || token.refused) return false;
      const { sentAt, lifetime } = token;
      return now < sentAt + lifetime - Math.min(30_000, lifetime * 0.1) - margin;
    },
    /** Milliseconds since a token expired, less than 0 while it has not; of one that never came, more than any. */
    expiredFor(name, accessToken, now) {
      const token = ofServer(name).find((one) => one.accessToken === accessToken);
      return token === undefined ? Number.POSITIVE_INFINITY : now - token.sentAt - token.lifetime;
    },
  };

  async function noteToken(response, sentAt) {
    const body = await response.json().catch(() => undefined);
    if (typeof body?.access_token !== "string") return;
    const accessToken = body.access_token;
    const known = ofServer(accessToken.split(".")[0]);
    known.push({ accessToken, sentAt, lifetime: body.expires_in * 1_000, refused: false });
    if (known.length > mostKnown) known.shift();
  }

  function noteRefusal(headers) {
    const accessToken = (headers.get("authorization") ?? "").slice("Bearer ".length);
    const token = ofServer(accessToken.split(".")[0]).find((one) => one.accessToken === accessToken);
    if (token !== undefined) token.refused = true;
  }
}
