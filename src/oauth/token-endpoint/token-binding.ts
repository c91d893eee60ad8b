import { isJsonObject } from "../../lib/json-object.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { Binding } from "../issued-token.js";
import type { InvalidResponse } from "./successful-response.js";
import type { TokenRequestResult } from "./token-request.js";

/**
 * Returns the key and the certificate that a new token is bound to: those that it was requested with. Returns
 * `undefined` for a bearer token. A JWT names its key or certificate in `cnf` (RFC 7800 §3.1). If it names one that is
 * not ours, it could never be used, and this throws. If it names no certificate, it works without ours.
 */
export function bindingOf(
  accessToken: string,
  { dpopSigner, certificate }: Pick<TokenRequestResult, "dpopSigner" | "certificate">,
  invalid: InvalidResponse,
): Binding | undefined {
  const claims = jwtClaims(accessToken);
  const { jkt, "x5t#S256": x5t } = confirmation(claims?.["cnf"]);
  if (jkt !== undefined && jkt !== dpopSigner?.thumbprint) {
    throw invalid(
      dpopSigner === undefined
        ? 'its token is bound to a DPoP key, but the request had no DPoP proof. Set "dpop" of the server.'
        : "its token is bound to another key than the one in the DPoP proof of the request.",
    );
  }
  // If we presented no certificate, a proxy that ends our connections (as in a service mesh) may present the one in
  // `cnf`.
  if (certificate !== undefined && x5t !== undefined && x5t !== certificate.identity.thumbprint) {
    throw invalid("its token is bound to another certificate than the one that the request presented.");
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
  if (!isJsonObject(value)) return {};
  const { jkt, "x5t#S256": x5t } = value;
  return {
    ...(typeof jkt === "string" && { jkt }),
    ...(typeof x5t === "string" && { "x5t#S256": x5t }),
  };
}
