import type { SecretReference } from "../../config/spec.js";
import type { CommandIo } from "../io.js";

/** The variables by which a platform tells a process that it runs there. */
const signs = {
  githubActions: ["GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL"],
  gcp: ["GCE_METADATA_HOST", "GCE_METADATA_IP", "K_SERVICE", "CLOUD_RUN_JOB"],
  azure: ["IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE"],
  aws: ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EXECUTION_ENV"],
} as const;

/**
 * Returns whether a reference is the identity of a platform that this process does not seem to run on, such as that of
 * a GitHub Actions job on the machine of a developer. To ask for it would only take time.
 */
export function isIdentityElsewhere(reference: SecretReference, env: CommandIo["env"]): boolean {
  const isSet = (name: string) => (env[name] ?? "") !== "";
  for (const [kind, names] of Object.entries(signs)) if (kind in reference) return !names.some(isSet);
  return false;
}
