/** Hosts of Microsoft Entra ID, with those of the national clouds. The last three are older names. */
const hosts: ReadonlySet<string> = new Set([
  ...["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"],
  ...["login.microsoft.com", "login.windows.net", "sts.windows.net", "login.chinacloudapi.cn"],
]);

/** Returns whether a host is one of Entra ID, of a tenant for customers (External ID) too. */
export function isEntraHost(hostname: string): boolean {
  return hosts.has(hostname) || hostname.endsWith(".ciamlogin.com");
}

/** Names that stand for many tenants. Their metadata has the issuer `https://…/{tenantid}/v2.0`, which is a template. */
export const sharedTenants: ReadonlySet<string> = new Set(["common", "organizations", "consumers"]);
