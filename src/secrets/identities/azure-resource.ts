import type { AzureReference } from "../../config/spec.js";
import { jwtClaims } from "../../lib/jwt-claims.js";

/** Adds what every managed identity service is asked with. */
export function addParameters(url: URL, apiVersion: string, { azure }: AzureReference): void {
  url.searchParams.set("api-version", apiVersion);
  url.searchParams.set("resource", azure.resource);
  if (azure.clientId !== undefined) url.searchParams.set("client_id", azure.clientId);
}

/**
 * Returns whether a token may be for a resource. Entra ID writes the application ID URI or the client ID of the
 * application into `aud`, depending on the application and not on the request, and tokens for its own services need not
 * be JWTs. So only different URIs, and what cannot be an audience, are certain to be a wrong token.
 */
export function isForResource(token: string, resource: string): boolean {
  const found = jwtClaims(token)?.["aud"];
  if (found === undefined) return true;
  const audiences: readonly unknown[] = Array.isArray(found) ? found : [found];
  return audiences.some((audience) => {
    if (typeof audience !== "string") return false;
    return !isUri(audience) || !isUri(resource) || normalized(audience) === normalized(resource);
  });
}

/** Other audiences are client IDs, also in the form `spn:GUID`. */
function isUri(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Entra ID ignores case and a slash at the end when it looks for an application. */
function normalized(uri: string): string {
  return uri.toLowerCase().replace(/\/+$/, "");
}
