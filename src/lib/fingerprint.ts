import type { Secret } from "./secret.js";

/** Tells whether any of several secrets has changed, without keeping them. */
export function fingerprintOf(secrets: readonly (Secret | undefined)[]): string {
  const parts = JSON.stringify(secrets.map((secret) => secret?.reveal() ?? null));
  // Imported where it is used: to load it takes longer than to load all of ours that a start needs.
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(parts).digest("base64");
}
