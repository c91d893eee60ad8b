import { issuerName } from "../../diagnosis/issuer.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { withoutServer } from "../../errors/message-without-server.js";
import { clientsOf } from "../secrets/config-secrets.js";
import { stageOf } from "./connection-step.js";
import { fail, type Outcome, pass, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Reads the metadata of the MCP server (RFC 9728), and compares it with the config. */
export async function checkResourceMetadata(
  { server, learned }: ServerCheck,
  signal: AbortSignal,
): Promise<Outcome> {
  const { grant, resourceMetadata } = server.spec;
  if (grant.type === "static") return pass("not needed for a static token");
  if (resourceMetadata === false) return pass("not read, as the config says");
  const { metadata, warnings } = await server.resourceMetadata(signal);
  if (metadata !== undefined) learned.resource = metadata;
  const [warning] = warnings;
  if (warning !== undefined) {
    const remedy = withoutServer(warning.message, server.spec.name);
    return warn({ id: "resource_metadata_incomplete", remedy });
  }
  if (metadata === undefined) return pass("none published, so the resource is the server's URL");
  return pass("lists the issuer, and the resource fits");
}

/** Reads the metadata of the authorization servers (RFC 8414), which must name exactly the configured issuers. */
export async function checkIssuerMetadata(
  { server, learned }: ServerCheck,
  signal: AbortSignal,
): Promise<Outcome> {
  const clients = clientsOf(server.spec);
  if (clients.length === 0) return pass("not needed for a static token");
  const found: string[] = [];
  for (const client of clients) {
    let metadata: AuthorizationServerMetadata;
    try {
      metadata = await server.authorizationServer(client, signal);
    } catch (error) {
      if (!(error instanceof McpAuthError)) throw error;
      const [failed, stage] = [fail(error), stageOf(error)];
      return stage === undefined ? failed : { ...failed, message: `${stage}: ${failed.message}` };
    }
    // The first client is the one at the authorization server of the MCP server.
    learned.authorizationServer ??= metadata;
    found.push(`${issuerName(client.issuer)}${client.metadata === undefined ? "" : " (from the config)"}`);
  }
  return pass(found.join(", "));
}
