import { fingerprintOf } from "../lib/secret.js";
import type { CredentialMemory } from "./credential-memory.js";
import { readValue } from "./read-value.js";
import { isLocal } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/**
 * Returns whether a new request would use other secrets than the manager's last request. Reads environment variables
 * and files, but runs no command and calls no function. A value that cannot be read now counts as unchanged.
 *
 * Reports each new value only once: the next request may fail before it reads the value, and would fail in the same way
 * again.
 */
export async function credentialsChanged(memory: CredentialMemory, context: SecretContext): Promise<boolean> {
  let hasChanged = false;
  // The error of a variable without a value is not shown, so no file is read for it.
  const quick = { ...context, envFilesIn: undefined };
  for (const { reference, content } of memory.references()) {
    if (!isLocal(reference)) continue;
    const found = await readValue(reference, quick, { isLast: true, content });
    if ("value" in found && memory.reportSecret(reference, fingerprintOf([found.value]))) hasChanged = true;
  }
  return hasChanged;
}
