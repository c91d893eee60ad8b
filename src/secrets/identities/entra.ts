import type { AzureReference } from "../../config/spec.js";
import { parseJsonObject } from "../../lib/json-object.js";
import { isLoopbackHost } from "../../lib/loopback.js";
import type { BoundedResponse } from "../../net/bounded-fetch.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { readSecretFile } from "../file.js";
import { secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { askService, type IdentityService, refused } from "./ask-service.js";
import { serviceAddress, variable } from "./service-address.js";

const defaultAuthority = "https://login.microsoftonline.com";

/**
 * The hosts of Microsoft Entra ID: the public cloud, US Government, China, and the sovereign clouds of France, Germany
 * and Singapore. The federated token goes to no other, because it stands for the pod.
 */
const authorities: ReadonlySet<string> = new Set([
  "login.microsoftonline.com",
  "login.microsoft.com",
  "login.windows.net",
  "login.microsoftonline.us",
  "login.chinacloudapi.cn",
  "login.partner.microsoftonline.cn",
  "login.sovcloud-identity.fr",
  "login.sovcloud-identity.de",
  "login.sovcloud-identity.sg",
]);

/**
 * Exchanges the federated token of a workload identity (Kubernetes) for an access token at Microsoft Entra ID. The
 * webhook of Azure sets the variables that it needs.
 */
export async function readFromEntra(reference: AzureReference, context: SecretContext): Promise<string> {
  const { server, env, fetch } = context;
  const { resource, clientId = variable(env, "AZURE_CLIENT_ID") } = reference.azure;
  const fail = (problem: string) => secretUnavailable(reference, server, problem);
  const file = variable(env, "AZURE_FEDERATED_TOKEN_FILE") ?? "";
  const tenant = variable(env, "AZURE_TENANT_ID");
  if (clientId === undefined) {
    throw fail(
      "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not. Annotate the service account of the pod with " +
        "azure.workload.identity/client-id, or add `clientId` to the reference.",
    );
  }
  if (tenant === undefined || !/^[A-Za-z0-9.-]+$/.test(tenant)) {
    throw fail(
      `AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID is not ${tenant === undefined ? "set" : "the ID or the domain of a tenant"}. ` +
        "Set it to the tenant of the identity.",
    );
  }
  const authority = serviceAddress(variable(env, "AZURE_AUTHORITY_HOST") ?? defaultAuthority);
  if (authority === undefined || !isAuthority(authority)) {
    throw fail(
      "AZURE_AUTHORITY_HOST is not a host of Microsoft Entra ID, so nothing was sent. Correct it, or remove it.",
    );
  }
  // A mistake in our code: every context that reads platform identities has it.
  if (fetch === undefined) throw new TypeError("Reading `azure` requires the `fetch` of a network.");
  // Without `permissions`: the environment of the host names the file, not the config.
  const assertion = await readSecretFile({ file }, { server }, { isLast: true, content: "text" });
  if ("error" in assertion) throw assertion.error;
  const service: IdentityService = {
    name: "Microsoft Entra ID",
    endpoint: "Entra ID",
    where: "Check the network of the pod and its proxy.",
    fetch,
  };
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    scope: `${resource}/.default`,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion.value.trim(),
  });
  const response = await askService(
    service,
    {
      url: new URL(`/${tenant}/oauth2/v2.0/token`, authority.origin).href,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: body.toString(),
    },
    reference,
    context,
  );
  if (response.status !== 200) throw rejected(response, service, reference, context);
  const token = parseJsonObject(response.body)?.["access_token"];
  if (typeof token === "string" && token !== "") return token;
  throw fail("the answer of Microsoft Entra ID has no token.");
}

function isAuthority({ protocol, port, hostname }: URL): boolean {
  return isLoopbackHost(hostname) || (protocol === "https:" && port === "" && authorities.has(hostname));
}

function rejected(
  response: BoundedResponse,
  service: IdentityService,
  reference: AzureReference,
  context: SecretContext,
): Error {
  const number = errorNumber(response.body);
  const advice = number === undefined ? "" : `The number of its error is AADSTS${number}. `;
  return refused(
    response,
    `${advice}${remedyFor(number)}`,
    { reference, context, service },
    isTemporaryStatus,
  );
}

/** The number of the error is safe to show, unlike its text. */
function errorNumber(body: string): number | undefined {
  const numbers = parseJsonObject(body)?.["error_codes"];
  const first: unknown = Array.isArray(numbers) ? numbers[0] : undefined;
  return typeof first === "number" && Number.isSafeInteger(first) && first > 0 ? first : undefined;
}

function remedyFor(number: number | undefined): string {
  switch (number) {
    case 500011:
      return 'The tenant has no application for the "resource" of the reference. Check it.';
    case 700016:
      return "The tenant has no application with this client ID. Check AZURE_CLIENT_ID and AZURE_TENANT_ID.";
    case 70021:
    case 700211:
    case 700212:
    case 700213:
      return "Add a federated credential for the service account of the pod to the identity, or correct its issuer, subject and audience.";
    case 90002:
      return "The tenant does not exist. Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.";
    default:
      return "Check the federated credential of the identity, AZURE_CLIENT_ID and AZURE_TENANT_ID.";
  }
}
