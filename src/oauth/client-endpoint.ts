import type { ClientSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { BodyTooLarge, type BoundedResponse, boundedFetch } from "../net/bounded-fetch.js";
import { assertLearnedUrl, type EgressRules } from "../net/egress.js";
import type { AttemptContext } from "./attempt.js";
import type { ClientAuthentication } from "./client-auth/client-auth.js";
import { addClientHeaders, readClientHeaders } from "./client-headers.js";
import { endpointUrl } from "./endpoint-url.js";
import { rememberSent } from "./token-endpoint/remember-sent.js";

/** Where metadata names an endpoint, and with which property of a client the config may name it. */
const places = {
  "revocation endpoint": { member: "revocation_endpoint", property: "revocationEndpoint" },
  "introspection endpoint": { member: "introspection_endpoint", property: undefined },
  "device authorization endpoint": {
    member: "device_authorization_endpoint",
    property: "deviceAuthorizationEndpoint",
  },
} as const;

/** An endpoint, other than the token endpoint, at which a client authenticates itself. */
export interface ClientEndpoint {
  readonly kind: keyof typeof places;
  /** Names the endpoint in messages: `the revocation endpoint of https://auth.example`. */
  readonly name: string;
  readonly url: string;
  /** Whether the metadata names the endpoint, and not the config. */
  readonly isLearned: boolean;
  /** The rules that its URL complies with. */
  readonly rules: EgressRules;
}

/**
 * Finds an endpoint of the authorization server of a client. Requests to it carry the client's credential, so it comes
 * only from the metadata of the pinned issuer or from the config. Returns `undefined` if neither names it. Throws
 * `insecure_url`.
 */
export function findClientEndpoint(
  kind: ClientEndpoint["kind"],
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  { server, spec, metadata: { insecureHosts } }: Pick<AttemptContext, "server" | "spec" | "metadata">,
): ClientEndpoint | undefined {
  const { member, property } = places[kind];
  const url = endpointUrl(member, client, metadata);
  if (url === undefined) return undefined;
  const name = `the ${kind} of ${client.issuer}`;
  const isLearned = property === undefined || url !== client.metadata?.[property];
  const configured = [spec.url, client.issuer, ...(isLearned ? [] : [url])];
  const rules: EgressRules = { server, configured, insecureHosts };
  assertLearnedUrl(url, name, rules);
  return { kind, name, url, isLearned, rules };
}

/** A form, and the client that posts it. */
export interface ClientForm {
  readonly fields: URLSearchParams;
  /** The names of the fields from the config that hold a secret. */
  readonly secretParams?: readonly string[];
  readonly client: ClientSpec;
  readonly authentication: ClientAuthentication;
}

/**
 * Posts a form with the headers and the credential of a client. The body of a response that is larger than 1 MiB is
 * left out, because the status of an error says enough.
 *
 * Rejects with the codes of `readClientHeaders`, and with `unavailable`, `timeout`, `tls_failed` and `aborted`.
 */
export async function postForm(
  { kind, name, url, isLearned }: ClientEndpoint,
  { fields, secretParams, client, authentication }: ClientForm,
  attempt: AttemptContext,
): Promise<BoundedResponse> {
  const { server, spec, signal, clock } = attempt;
  const clientHeaders = await readClientHeaders(client, attempt);
  const body = new URLSearchParams(fields);
  const headers = new Headers({ accept: "application/json", "user-agent": "mcp-auth-runtime" });
  addClientHeaders(headers, clientHeaders);
  await authentication.apply(
    { issuer: client.issuer },
    { client_id: client.id ?? "anonymous" },
    body,
    headers,
  );
  rememberSent(headers, body, { headers: clientHeaders.secret, params: secretParams });
  headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
  try {
    return await boundedFetch(authentication.fetch, {
      ...{ server, target: name, endpoint: kind, url, isLearned, method: "POST" },
      ...{ headers: Object.fromEntries(headers), body: body.toString() },
      ...{ timeout: spec.timeout, signal, clock },
    });
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    return { status: error.status, headers: new Headers(), body: "" };
  }
}
