/** Which end a nonce is from: an authorization server and an MCP server may share an origin. */
export type NonceRole = "token" | "resource";

// Far more than one manager meets: whoever names origins without end only displaces the oldest.
const mostOrigins = 1_000;

// NQCHAR of RFC 9449 §8.1; it lets through neither a space nor what two headers would be joined by. The length is ours.
const nonceSyntax = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

/** The latest `DPoP-Nonce` of each server, RFC 9449 §8 and §9. */
export class Nonces {
  readonly #latest: Readonly<Record<NonceRole, Map<string, string>>> = {
    token: new Map(),
    resource: new Map(),
  };

  /** The nonce to send to the origin of this URL. */
  get(role: NonceRole, url: string | URL): string | undefined {
    const latest = this.#latest[role];
    // Most servers want none, and this is asked before each request.
    if (latest.size === 0) return undefined;
    const origin = originOf(url);
    const nonce = latest.get(origin);
    if (nonce !== undefined) keep(latest, origin, nonce);
    return nonce;
  }

  /** Keeps the nonce of a response, if there is one; whether it is another than before. */
  note(role: NonceRole, url: string | URL, headers: Headers): boolean {
    const nonce = headers.get("dpop-nonce");
    if (nonce === null || !nonceSyntax.test(nonce)) return false;
    const latest = this.#latest[role];
    const origin = originOf(url);
    const isNew = latest.get(origin) !== nonce;
    keep(latest, origin, nonce);
    return isNew;
  }
}

function originOf(url: string | URL): string {
  return (typeof url === "string" ? new URL(url) : url).origin;
}

/** Puts an entry last, and drops the first when there are too many: a map keeps the order in which entries came. */
function keep(latest: Map<string, string>, origin: string, nonce: string): void {
  latest.delete(origin);
  latest.set(origin, nonce);
  if (latest.size <= mostOrigins) return;
  for (const oldest of latest.keys()) {
    latest.delete(oldest);
    return;
  }
}
