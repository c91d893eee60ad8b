import type { SecretReference } from "../../config/spec.js";
import type { SecretFacts } from "../../diagnosis/facts.js";
import type { Secret } from "../../lib/secret.js";
import { describeReference } from "../../secrets/reference.js";

/** Returns what advice needs to know about a client secret that was sent. */
export function secretFacts(
  reference: SecretReference,
  value: Secret,
  basicEncoding?: "form" | "raw",
): SecretFacts {
  return { source: describeReference(reference), value, ...(basicEncoding && { basicEncoding }) };
}
