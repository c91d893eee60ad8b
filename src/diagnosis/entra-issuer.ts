// Issuers of Microsoft Entra ID, which has one authorization server per tenant and two versions of each.
import { isEntraHost, sharedTenants } from "../lib/entra-hosts.js";
import type { UrlDifference } from "./url-difference.js";

/**
 * Returns what to do about metadata that names another issuer than the config, if the config's is one of Entra ID or
 * stands for many tenants; `undefined` for other servers.
 */
export function entraIssuerFinding(
  difference: UrlDifference,
  configured: string,
): { readonly id: string; readonly remedy: string } | undefined {
  const { hostname, pathname } = new URL(configured);
  const [tenant = "", version = ""] = pathname.split("/").slice(1);
  const isEntra = isEntraHost(hostname);
  if (sharedTenants.has(tenant) && (isEntra || difference === "template")) {
    return {
      id: "entra_shared_tenant",
      remedy: `"${tenant}" in the configured issuer stands for many tenants. Write the ID of your tenant in its place.`,
    };
  }
  if (isEntra && version === "") {
    return {
      id: "entra_version_missing",
      remedy: 'An issuer of Entra ID ends in "/v2.0". Add it, and write the ID of the tenant, not its name.',
    };
  }
  if (isEntra && difference === "other_segment") {
    return {
      id: "entra_tenant_name",
      remedy: "Write the ID of the tenant in the configured issuer, not its name.",
    };
  }
  return undefined;
}
