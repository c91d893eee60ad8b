import { createHash } from "node:crypto";
import type { Secret } from "./secret.js";

/** Tells whether any of several secrets has changed, without keeping them. */
export function fingerprintOf(secrets: readonly (Secret | undefined)[]): string {
  const parts = JSON.stringify(secrets.map((secret) => secret?.reveal() ?? null));
  return createHash("sha256").update(parts).digest("base64");
}
