import type { ClientSpec } from "../config/spec.js";
import type { WantedAuthorizationServer } from "../discovery/find-target.js";
import type { AttemptContext } from "./attempt.js";
import { issuerHeaders } from "./metadata-headers.js";

/** Describes the authorization server of a client, to find its metadata in one attempt. */
export function wantedAuthorizationServer(
  client: ClientSpec,
  attempt: AttemptContext,
): WantedAuthorizationServer {
  const { server, spec, signal } = attempt;
  const { issuer, metadata } = client;
  const { url, timeout } = spec;
  return {
    ...{ server, url, issuer, timeout, signal, metadata },
    issuerHeaders: issuerHeaders(client, spec, attempt),
  };
}

/** Makes the next lookup of a client's authorization server request its metadata again. */
export function expireAuthorizationServer(client: ClientSpec, attempt: AttemptContext): void {
  attempt.metadata.expireAuthorizationServer(client.issuer, issuerHeaders(client, attempt.spec, attempt));
}
