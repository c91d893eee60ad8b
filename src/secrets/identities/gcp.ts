import type { GcpReference } from "../../config/spec.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { BoundedResponse } from "../../net/bounded-fetch.js";
import { referenceNotAllowed, secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { askService, directFetch, refused } from "./ask-service.js";
import { notAnAddress, serviceAddress, variable } from "./service-address.js";

const defaultAddress = "http://metadata.google.internal";
const path = "/computeMetadata/v1/instance/service-accounts/default/identity";

/** The variables with another address, as Google's libraries read them. The first that is set counts. */
const addressVariables = ["GCE_METADATA_HOST", "GCE_METADATA_IP"];

/**
 * Requests an ID token for the service account of this machine from the metadata server of Google Cloud. Rejects with
 * `secret_unavailable` (retryable if the server answers with a temporary error), and with the codes of `askService`.
 */
export async function readFromGcp(reference: GcpReference, context: SecretContext): Promise<string> {
  const { server, env } = context;
  const { audience } = reference.gcp;
  const fail = (problem: string) => secretUnavailable(reference, server, problem);
  if (context.permissions?.allow?.identity("gcp") === false) throw referenceNotAllowed(reference, server);
  const moved = addressVariables.find((name) => variable(env, name) !== undefined);
  const address = serviceAddress((moved && variable(env, moved)) ?? defaultAddress);
  if (address === undefined) throw fail(notAnAddress(moved ?? ""));
  const url = new URL(path, address.origin);
  url.searchParams.set("audience", audience);
  url.searchParams.set("format", "full");
  const service = {
    name: "its metadata server",
    endpoint: "metadata service",
    where:
      "It exists only on Google Cloud (Compute Engine, GKE, Cloud Run, Cloud Functions). Run the agent there, or use " +
      "another reference.",
    fetch: directFetch(context),
  } as const;
  const request = { url: url.href, headers: { "metadata-flavor": "Google" } };
  const response = await askService(service, request, reference, context);
  // The servers of other platforms have the same address.
  if (response.headers.get("metadata-flavor") !== "Google") {
    throw fail(
      `what answers at the address of its metadata server (${url.host}) is not that server: the header ` +
        '"Metadata-Flavor: Google" is missing. Run the agent on Google Cloud, or use another reference.',
    );
  }
  if (response.status !== 200) throw refused(response, adviceFor(response), { reference, context, service });
  const token = response.body.trim();
  const claims = jwtClaims(token);
  if (claims === undefined) throw fail("the answer of its metadata server is not a token.");
  if (claims["aud"] !== audience) {
    throw fail("the token is for another audience than the one in the config, so it was not used.");
  }
  return token;
}

function adviceFor({ status }: BoundedResponse): string {
  switch (status) {
    case 400:
      return 'Check the "audience" of the reference.';
    case 403:
      return (
        "On GKE, let the Kubernetes service account of the pod use the IAM service account " +
        "(roles/iam.workloadIdentityUser)."
      );
    case 404:
      return (
        "This machine has no service account. Attach one; on GKE, set up Workload Identity Federation for the " +
        "service account of the pod."
      );
    default:
      return "Check the service account of this machine.";
  }
}
