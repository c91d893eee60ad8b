import type { ClientSpec, GrantCommon, ServerSpec } from "../../config/spec.js";
import { findTarget } from "../../discovery/find-target.js";
import type { Target } from "../../discovery/metadata.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { metadataHeaders } from "./metadata-headers.js";

/** What there is to know of the two servers before a token can be asked for. Rejects with the codes of `findTarget`. */
export async function findGrantTarget(
  spec: ServerSpec,
  { resource, client }: Pick<GrantCommon, "resource"> & { readonly client: ClientSpec },
  environment: GrantEnvironment,
  signal: AbortSignal,
): Promise<Target> {
  const { name: server, url, timeout, resourceMetadata } = spec;
  const { issuer, metadata } = client;
  const challenge = environment.challenge?.();
  const target = await findTarget(environment.metadata, {
    ...{ server, url, issuer, timeout, signal, resource, resourceMetadata, metadata },
    // What stops no token by being slow must leave time for it.
    patience: spec.deadline / 2,
    headers: metadataHeaders(spec, environment),
    ...(challenge && { challenge }),
  });
  environment.onTarget?.(target);
  return target;
}
