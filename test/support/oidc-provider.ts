import { stripVTControlCharacters } from "node:util";
import type * as OidcProvider from "oidc-provider";
import type * as GrantHelpers from "oidc-provider/lib/helpers/grants.js";

/**
 * Imports oidc-provider and drops its console notices: on import it warns that Node 20 is not supported, and later that
 * some defaults are for development only. Other console output is not affected.
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

/** Imports the helpers that oidc-provider offers for custom grants. */
export function loadGrantHelpers(): Promise<typeof GrantHelpers> {
  return import("oidc-provider/lib/helpers/grants.js");
}

const filters = new WeakSet<typeof console.info>();

function isNotice(value: unknown): boolean {
  return (
    typeof value === "string" && /^oidc-provider (?:NOTICE|WARNING): /.test(stripVTControlCharacters(value))
  );
}
