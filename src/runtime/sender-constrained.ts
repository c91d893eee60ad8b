import { McpAuthError } from "../errors/error.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import type { SigningTime } from "../net/server-clocks.js";
import type { Token } from "../tokens/token.js";

/** Returns the token as a string. Throws `sender_constrained` for a token that does not work alone. */
export function bareToken(server: string, token: Token): string {
  const { binding } = token;
  if (binding?.dpopSigner !== undefined) {
    throw senderConstrained(
      server,
      "its tokens are bound to a key (DPoP), and each request needs a proof of its own. Use the manager's `fetch`, or " +
        "`getHeaders({ method, url })` for each request.",
    );
  }
  if (binding?.certificate?.bound === true) throw boundToCertificate(server);
  return token.accessToken;
}

/** The request that headers are for, and what a DPoP proof needs. */
export interface HeaderTarget {
  readonly server: string;
  /** The URL has been checked to belong to the server. */
  readonly request: { readonly method?: string | undefined; readonly url?: string | URL | undefined };
  readonly nonce: (url: URL) => string | undefined;
  /** The time of the server, for the proof. */
  readonly time: (url: URL) => Pick<SigningTime, "now">;
  readonly signal: AbortSignal | undefined;
  readonly limits: Pick<WaitLimits, "run">;
}

/** Returns the headers for a token: `authorization`, and with DPoP a proof for one request. */
export async function tokenHeaders(token: Token, target: HeaderTarget): Promise<Record<string, string>> {
  const { server, request, nonce, time, signal, limits } = target;
  const { dpopSigner, certificate } = token.binding ?? {};
  if (certificate?.bound === true) throw boundToCertificate(server);
  if (dpopSigner === undefined) return { authorization: `${token.tokenType} ${token.accessToken}` };
  if (request.method === undefined || request.url === undefined) {
    throw senderConstrained(
      server,
      "its tokens are bound to a key (DPoP), so its headers are for one request. Name that request with " +
        "`getHeaders({ method, url })`, or use the manager's `fetch`.",
    );
  }
  const url = new URL(request.url);
  const { accessToken } = token;
  const method = request.method.toUpperCase();
  const proof = await limits.run("the DPoP proof", signal, (limited) =>
    dpopSigner.proof({ method, url, accessToken, nonce: nonce(url), time: time(url), signal: limited }),
  );
  return { authorization: `DPoP ${accessToken}`, dpop: proof };
}

function boundToCertificate(server: string): McpAuthError {
  return senderConstrained(
    server,
    "its tokens are bound to a client certificate, which must be presented with them. Use the manager's `fetch`.",
  );
}

export function senderConstrained(server: string, problem: string): McpAuthError {
  return new McpAuthError("sender_constrained", `Server "${server}": ${problem}`, { server });
}
