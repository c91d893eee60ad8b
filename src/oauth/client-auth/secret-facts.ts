import type { SecretReference } from "../../config/spec.js";
import type { SecretFacts } from "../../diagnosis/facts.js";
import { looksLikeId, secretFlaws } from "../../diagnosis/secret-flaws.js";
import type { Secret } from "../../lib/secret.js";
import { describeReference } from "../../secrets/reference.js";

/** Returns what advice needs to know about a client secret that was sent: nothing of its text. */
export function secretFacts(
  reference: SecretReference,
  secret: Secret,
  basicEncoding?: "form" | "raw",
): SecretFacts {
  const text = secret.reveal();
  return {
    source: describeReference(reference),
    flaws: secretFlaws(text),
    ...(basicEncoding && { basicEncoding }),
    ...(looksLikeId(text) && { looksLikeId: true }),
  };
}
