import { jwtClaims } from "../../lib/jwt-claims.js";
import type { Invalid } from "./accepted-response.js";
import type { Binding } from "./binding.js";
import type { TokenAnswer } from "./token-request.js";

/**
 * What must accompany a new token: the key and the certificate that it was asked for with. A JWT says itself what it is
 * bound to (`cnf`, RFC 7800 §3.1): one that names another key or certificate than ours could never be used, and one that
 * names no certificate works without ours. `undefined` for a token that works for whoever has it.
 */
export function bindingOf(
  accessToken: string,
  { dpopSigner, certificate }: Pick<TokenAnswer, "dpopSigner" | "certificate">,
  invalid: Invalid,
): Binding | undefined {
  const claims = jwtClaims(accessToken);
  const { jkt, "x5t#S256": x5t } = confirmation(claims?.["cnf"]);
  if (jkt !== undefined && jkt !== dpopSigner?.thumbprint) {
    throw invalid(
      dpopSigner === undefined
        ? 'its token is bound to a key that was not proven (DPoP). Set "dpop" of the server.'
        : "its token is bound to another key than the one that the request proved to have.",
    );
  }
  // Where we present none, whoever ends our connections (a proxy of a service mesh) may do it.
  if (certificate !== undefined && x5t !== undefined && x5t !== certificate.identity.thumbprint) {
    throw invalid("its token is bound to another certificate than the one that was presented.");
  }
  if (dpopSigner === undefined && certificate === undefined) return undefined;
  return {
    ...(dpopSigner && { dpopSigner }),
    ...(certificate && {
      certificate: {
        fetch: certificate.fetch,
        thumbprint: certificate.identity.thumbprint,
        expiresAt: certificate.identity.expiresAt,
        bound: claims === undefined || x5t !== undefined,
      },
    }),
  };
}

function confirmation(value: unknown): { readonly jkt?: string; readonly "x5t#S256"?: string } {
  if (typeof value !== "object" || value === null) return {};
  const { jkt, "x5t#S256": x5t }: { jkt?: unknown; "x5t#S256"?: unknown } = value;
  return {
    ...(typeof jkt === "string" && { jkt }),
    ...(typeof x5t === "string" && { "x5t#S256": x5t }),
  };
}
