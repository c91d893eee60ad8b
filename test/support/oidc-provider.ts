import { stripVTControlCharacters } from "node:util";
import type * as OidcProvider from "oidc-provider";
import type * as GrantHelpers from "oidc-provider/lib/helpers/grants.js";

/**
 * oidc-provider with its notices dropped: at import it says on stderr that Node 20 is not supported, and at
 * construction and on first use that this and that default is for development. All else on the console passes.
 */
export async function loadOidcProvider(): Promise<typeof OidcProvider> {
  for (const method of ["info", "warn"] as const) {
    const original = console[method];
    if (filters.has(original)) continue;
    const filter: typeof original = (...values) => {
      if (!isNotice(values[0])) original.apply(console, values);
    };
    filters.add(filter);
    console[method] = filter;
  }
  return import("oidc-provider");
}

/** What oidc-provider offers to those who add grants of their own. */
export function loadGrantHelpers(): Promise<typeof GrantHelpers> {
  return import("oidc-provider/lib/helpers/grants.js");
}

const filters = new WeakSet<typeof console.info>();

function isNotice(value: unknown): boolean {
  return (
    typeof value === "string" && /^oidc-provider (?:NOTICE|WARNING): /.test(stripVTControlCharacters(value))
  );
}
