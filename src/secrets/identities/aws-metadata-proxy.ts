import { jsRuntime } from "../../lib/js-runtime.js";
import { mayNodeUseProxies, type Variables } from "../../net/environment.js";
import { proxyVariableOfPlatform } from "../../net/other-runtimes.js";

/** A metadata service that the SDK would ask through a proxy. */
export interface ProxiedMetadata {
  readonly host: string;
  /** The variable with the proxy. */
  readonly variable: string;
}

/**
 * Returns the metadata service of AWS that the SDK would ask through a proxy, if there is one. The SDK uses the
 * connections of `node:http`. Their proxy would see the credentials of the machine, because the services have plain
 * http.
 *
 * @param env the environment of the process: the SDK knows no other
 */
export function proxiedMetadata(env: Variables, execArgv: readonly string[]): ProxiedMetadata | undefined {
  if (jsRuntime() === "Node.js" && !mayNodeUseProxies(env, execArgv)) return undefined;
  const url = metadataService(env);
  if (url === undefined || url.protocol !== "http:") return undefined;
  const variable = proxyVariableOfPlatform(url, env);
  return variable === undefined ? undefined : { host: url.hostname, variable };
}

/** Returns the service that the SDK asks for credentials, `undefined` if the environment has them. */
function metadataService(env: Variables): URL | undefined {
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  // A profile may name a metadata service as the source of its credentials.
  const hasOthers = isSet("AWS_ACCESS_KEY_ID") || isSet("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (hasOthers && !isSet("AWS_PROFILE")) return undefined;
  // Amazon ECS, then EKS.
  if (isSet("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) return new URL("http://169.254.170.2");
  const named = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || "";
  return new URL(URL.canParse(named) ? named : "http://169.254.169.254");
}
