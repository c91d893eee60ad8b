import type { ClientSpec, GrantCommon } from "../../config/spec.js";
import { findTarget } from "../../discovery/find-target.js";
import type { Target } from "../../discovery/metadata.js";
import type { AttemptContext } from "../attempt.js";
import { metadataHeaders } from "../metadata-headers.js";
import { wantedAuthorizationServer } from "../wanted-authorization-server.js";

/**
 * Finds the metadata of the MCP server and its authorization server that a token request needs, and stores it in the
 * manager's state. Rejects with the codes of `findTarget`.
 */
export async function findGrantTarget(
  { resource, client }: Pick<GrantCommon, "resource"> & { readonly client: ClientSpec },
  attempt: AttemptContext,
): Promise<Target> {
  const { spec, manager } = attempt;
  const { resourceMetadata } = spec;
  const { challenge } = manager;
  const target = await findTarget(attempt.metadata, {
    ...wantedAuthorizationServer(client, attempt),
    ...{ resource, resourceMetadata },
    // A slow lookup of optional metadata must leave time for the token request.
    searchTimeout: spec.deadline / 2,
    headers: metadataHeaders(spec, attempt),
    ...(challenge && { challenge }),
  });
  manager.target = target;
  return target;
}
