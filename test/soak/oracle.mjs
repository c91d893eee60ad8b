// Determines what callers may expect, only from what was sent over the network.

/** More tokens than can be usable at the same time. */
const maxTokensPerServer = 8;

export function createOracle() {
  /** The delivered tokens, by server. */
  const delivered = new Map();
  const ofServer = (name) => delivered.get(name) ?? delivered.set(name, []).get(name);
  // The runtime counts the lifetime from a slightly different moment: the difference is the time that it takes to make
  // a request, which can be long on a busy machine.
  const margin = 500;

  return {
    /** Wraps `fetch`: records each delivered token, and each token that the MCP server refuses. */
    watch: (fetch) => async (input, init) => {
      const sentAt = Date.now();
      const response = await fetch(input, init);
      const url = String(input);
      if (url.endsWith("/token") && response.ok) await recordToken(response.clone(), sentAt);
      if (response.status === 401 && !url.endsWith("/token")) recordRefusal(new Headers(init.headers));
      return response;
    },
    /** The token that was delivered last. It has replaced the earlier ones. */
    latest: (name) => ofServer(name).at(-1),
    isUsable(token, now) {
      if (token === undefined || token.refused) return false;
      const { sentAt, lifetime } = token;
      return now < sentAt + lifetime - Math.min(30_000, lifetime * 0.1) - margin;
    },
    /** Milliseconds since the token expired; negative if it has not expired, infinite if it was never delivered. */
    expiredFor(name, accessToken, now) {
      const token = ofServer(name).find((one) => one.accessToken === accessToken);
      return token === undefined ? Number.POSITIVE_INFINITY : now - token.sentAt - token.lifetime;
    },
  };

  async function recordToken(response, sentAt) {
    const body = await response.json().catch(() => undefined);
    if (typeof body?.access_token !== "string") return;
    const accessToken = body.access_token;
    const known = ofServer(accessToken.split(".")[0]);
    known.push({ accessToken, sentAt, lifetime: body.expires_in * 1_000, refused: false });
    if (known.length > maxTokensPerServer) known.shift();
  }

  function recordRefusal(headers) {
    const accessToken = (headers.get("authorization") ?? "").slice("Bearer ".length);
    const token = ofServer(accessToken.split(".")[0]).find((one) => one.accessToken === accessToken);
    if (token !== undefined) token.refused = true;
  }
}
