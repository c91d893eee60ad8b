import type { AzureReference } from "../../config/spec.js";
import { referenceNotAllowed, secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { askService, directFetch, type IdentityService, type ServiceRequest } from "./ask-service.js";
import { isArcMachine, readFromArc } from "./azure-arc.js";
import { addParameters, isForResource } from "./azure-resource.js";
import { accessTokenOf } from "./azure-response.js";
import { readFromEntra } from "./entra.js";
import { notAnAddress, serviceAddress, variable } from "./service-address.js";

const imdsAddress = "http://169.254.169.254";
/** The variable with another address, as Azure's libraries read it. */
const imdsVariable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

/** A question for a managed identity service. */
interface Question {
  readonly service: IdentityService;
  readonly request: ServiceRequest;
}

/**
 * Requests an access token for the identity of this machine in Azure. Looks for it in the order of Azure's libraries: a
 * workload identity (Kubernetes), App Service and Container Apps, Azure Arc, and the metadata service of a virtual
 * machine. The first that the environment has counts, and no other is asked. Rejects with `secret_unavailable`
 * (retryable if the service answers with a temporary error), and with the codes of `askService`.
 */
export async function readFromAzure(reference: AzureReference, context: SecretContext): Promise<string> {
  const { server } = context;
  if (context.permissions?.allow?.identity("azure") === false) throw referenceNotAllowed(reference, server);
  const token = await readToken(reference, context);
  if (isForResource(token, reference.azure.resource)) return token;
  throw secretUnavailable(
    reference,
    server,
    "the token is for another resource than the one in the config, so it was not used.",
  );
}

async function readToken(reference: AzureReference, context: SecretContext): Promise<string> {
  const { env } = context;
  if (variable(env, "AZURE_FEDERATED_TOKEN_FILE") !== undefined)
    return await readFromEntra(reference, context);
  const unsupported = unsupportedPlatform(env);
  if (unsupported !== undefined) throw secretUnavailable(reference, context.server, unsupported);
  const endpoint = variable(env, "IDENTITY_ENDPOINT");
  const header = variable(env, "IDENTITY_HEADER");
  if (endpoint !== undefined && header !== undefined) {
    return await readFromManaged(appService(reference, context, endpoint, header), reference, context);
  }
  if (await isArcMachine(env)) return await readFromArc(reference, context);
  return await readFromManaged(imds(reference, context), reference, context);
}

/** Returns why the identity cannot be read on platforms that have a protocol of their own. */
function unsupportedPlatform(env: SecretContext["env"]): string | undefined {
  const platform =
    variable(env, "IDENTITY_SERVER_THUMBPRINT") !== undefined
      ? "Service Fabric"
      : variable(env, "MSI_ENDPOINT") !== undefined && variable(env, "IDENTITY_ENDPOINT") === undefined
        ? "Azure Machine Learning or Cloud Shell"
        : undefined;
  if (platform === undefined) return undefined;
  return `this is ${platform}, which is not supported. Use \`resolver\` with Azure's library, or \`exec\`.`;
}

/** App Service, Functions and Container Apps. The header proves that the request comes from the app. */
function appService(
  reference: AzureReference,
  context: SecretContext,
  endpoint: string,
  header: string,
): Question {
  const url = serviceAddress(endpoint);
  if (url === undefined)
    throw secretUnavailable(reference, context.server, notAnAddress("IDENTITY_ENDPOINT"));
  addParameters(url, "2019-08-01", reference);
  const service = {
    name: "the identity service of the app",
    endpoint: "metadata service",
    where:
      "IDENTITY_ENDPOINT and IDENTITY_HEADER exist only in App Service, Functions and Container Apps. If this is " +
      "another platform, remove them.",
    fetch: directFetch(context),
  } as const;
  return { service, request: { url: url.href, headers: { "x-identity-header": header } } };
}

/** The Instance Metadata Service of a virtual machine. */
function imds(reference: AzureReference, context: SecretContext): Question {
  const moved = variable(context.env, imdsVariable);
  const url = serviceAddress(moved ?? imdsAddress);
  if (url === undefined) {
    throw secretUnavailable(reference, context.server, notAnAddress(imdsVariable));
  }
  url.pathname = "/metadata/identity/oauth2/token";
  addParameters(url, "2018-02-01", reference);
  const service = {
    name: "the metadata service of Azure",
    endpoint: "metadata service",
    where:
      "It exists only on Azure's virtual machines and in services that run on them. Run the agent there, or use " +
      "another reference.",
    fetch: directFetch(context),
  } as const;
  return { service, request: { url: url.href, headers: { metadata: "true" } } };
}

async function readFromManaged(
  { service, request }: Question,
  reference: AzureReference,
  context: SecretContext,
): Promise<string> {
  return accessTokenOf(await askService(service, request, reference, context), service, reference, context);
}
