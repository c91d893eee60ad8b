import type { ClientSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";

/** Who was asked for what, as messages about the answer need it. */
export interface TokenEndpoint {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly issuer: string;
  /** Host and port of the token endpoint. */
  readonly host: string;
  readonly grantType: string;
  readonly credential: ClientSpec["credential"]["kind"];
}

export function tokenEndpoint(
  server: string,
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  grantType: string,
): TokenEndpoint {
  const { host } = new URL(metadata.token_endpoint);
  return {
    server,
    issuer: client.issuer,
    // A host of ordinary characters cannot carry prose; that of an unusual one is not worth a risk.
    host: /^[A-Za-z0-9.:[\]-]{1,120}$/.test(host) ? host : "an unusual host",
    grantType,
    credential: client.credential.kind,
  };
}
