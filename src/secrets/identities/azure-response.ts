import type { AzureReference } from "../../config/spec.js";
import { parseJsonObject } from "../../lib/json-object.js";
import type { BoundedResponse } from "../../net/bounded-fetch.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { type IdentityService, refused } from "./ask-service.js";

/** Returns the token in the response of a managed identity service. */
export function accessTokenOf(
  response: BoundedResponse,
  service: IdentityService,
  reference: AzureReference,
  context: SecretContext,
): string {
  const body = parseJsonObject(response.body);
  if (response.status !== 200) {
    const advice = adviceFor(response.status, body?.["error"], reference);
    throw refused(response, advice, { reference, context, service }, isTemporaryHere);
  }
  const token = body?.["access_token"];
  if (typeof token === "string" && token !== "") return token;
  throw secretUnavailable(reference, context.server, `the answer of ${service.name} has no token.`);
}

/** The metadata service answers 404 and 410 while it is updated. */
function isTemporaryHere(status: number): boolean {
  return status === 404 || status === 410 || isTemporaryStatus(status);
}

function adviceFor(status: number, error: unknown, { azure: { clientId } }: AzureReference): string {
  if (status === 400 && error === "invalid_resource") {
    return 'Its tenant has no application for the "resource" of the reference. Check it.';
  }
  if (status !== 400) return "Check the identity of this machine, and its permissions.";
  return clientId === undefined
    ? "This machine has no system-assigned identity. Turn it on, or name a user-assigned one with `clientId`."
    : "No identity with this `clientId` is assigned to this machine. Assign it, or correct `clientId`.";
}
