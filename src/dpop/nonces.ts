/** The kind of server that sent a nonce. An authorization server and an MCP server may share an origin. */
export type NonceRole = "token" | "resource";

// Far more than one manager needs. A server that redirects to ever new origins only displaces the oldest.
const maxOrigins = 1_000;

// NQCHAR of RFC 9449 §8.1, which excludes spaces and the comma between two joined headers. The length limit is ours.
const nonceSyntax = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

/** Holds the latest `DPoP-Nonce` of each server (RFC 9449 §8 and §9). */
export class Nonces {
  /** Created by the first nonce, because most servers require none. */
  #latest: Partial<Record<NonceRole, Map<string, string>>> | undefined;

  /** Returns the nonce to send to the origin of this URL. */
  get(role: NonceRole, url: string | URL): string | undefined {
    const latest = this.#latest?.[role];
    // A shortcut, because this runs before each request.
    if (latest === undefined) return undefined;
    const { origin } = new URL(url);
    const nonce = latest.get(origin);
    if (nonce !== undefined) keep(latest, origin, nonce);
    return nonce;
  }

  /** Keeps the nonce of a response, if it has one. Returns whether it differs from the previous nonce. */
  note(role: NonceRole, url: string | URL, headers: Headers): boolean {
    const nonce = headers.get("dpop-nonce");
    if (nonce === null || !nonceSyntax.test(nonce)) return false;
    this.#latest ??= {};
    const latest = this.#latest[role] ?? new Map<string, string>();
    this.#latest[role] = latest;
    const { origin } = new URL(url);
    const isNew = latest.get(origin) !== nonce;
    keep(latest, origin, nonce);
    return isNew;
  }
}

/** Makes an entry the latest, and drops the oldest if there are too many. A `Map` iterates in order of insertion. */
function keep(latest: Map<string, string>, origin: string, nonce: string): void {
  latest.delete(origin);
  latest.set(origin, nonce);
  if (latest.size <= maxOrigins) return;
  for (const oldest of latest.keys()) {
    latest.delete(oldest);
    return;
  }
}
