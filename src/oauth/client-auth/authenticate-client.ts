import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { unreachable } from "../../lib/unreachable.js";
import type { AttemptContext } from "../attempt.js";
import { chooseMethod } from "./choose-method.js";
import {
  type AssertionSigning,
  type ClientAuth,
  type ClientAuthentication,
  type PreparedAuth,
  publicClient,
} from "./client-auth.js";
import { clientSecretBasic } from "./client-secret-basic.js";
import { clientSecretJwt } from "./client-secret-jwt.js";
import { clientSecretPost } from "./client-secret-post.js";
import { platformAssertion } from "./platform-assertion.js";
import { privateKeyJwt } from "./private-key-jwt.js";
import { tlsClientAuth } from "./tls-client-auth.js";

/** Adds nothing: the assertion of the grant identifies the client, RFC 7523 §3.1. */
const anonymousClient: ClientAuth = () => {};

/**
 * Chooses the client authentication method (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2) and prepares it for one request.
 * Reads the credential at each call, but not if the server does not support any method for it.
 *
 * Rejects with `unsupported_by_server`, `secret_unavailable`, `key_invalid` or `config_invalid`. `apply` may reject
 * with `key_invalid` or `signer_unavailable`.
 */
export async function authenticateClient(
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  signing: AssertionSigning,
  attempt: AttemptContext,
): Promise<ClientAuthentication> {
  const { fetch, server } = attempt;
  if (client.id === undefined) return { apply: anonymousClient, fetch };
  const method = chooseMethod(client, metadata, attempt);
  const { token_endpoint_auth_methods_supported: listedMethods } = metadata;
  const inRequest = ({ apply, ...credential }: PreparedAuth): ClientAuthentication => ({
    ...{ apply, fetch },
    facts: { method, listedMethods, ...credential },
  });
  switch (method) {
    case "none":
      return inRequest({ apply: publicClient });
    case "client_secret_basic": {
      const { secret } = credentialFor(method, client.credential, ["secret"], server);
      return inRequest(await clientSecretBasic(secret, client, attempt));
    }
    case "client_secret_post": {
      const { secret } = credentialFor(method, client.credential, ["secret"], server);
      return inRequest(await clientSecretPost(secret, attempt));
    }
    case "client_secret_jwt": {
      const { secret } = credentialFor(method, client.credential, ["secret"], server);
      return inRequest(await clientSecretJwt(secret, client, metadata, signing, attempt));
    }
    case "private_key_jwt": {
      const credential = credentialFor(method, client.credential, ["key", "assertion"], server);
      return inRequest(
        credential.kind === "key"
          ? await privateKeyJwt(credential.key, client, metadata, signing, attempt)
          : await platformAssertion(credential.assertion, client, attempt),
      );
    }
    case "tls_client_auth":
    case "self_signed_tls_client_auth": {
      const { certificate } = credentialFor(method, client.credential, ["certificate"], server);
      const authentication = await tlsClientAuth(certificate, attempt);
      const { isForClients = true } = authentication.identity;
      return { ...authentication, facts: { method, listedMethods, certificate: { isForClients } } };
    }
    default:
      return unreachable(method);
  }
}

/** Returns the client's credential. Throws `config_invalid` if the method does not use a credential of its kind. */
function credentialFor<Kind extends CredentialSpec["kind"]>(
  method: ClientAuthenticationMethod,
  credential: CredentialSpec,
  kinds: readonly Kind[],
  server: string,
): Extract<CredentialSpec, { kind: Kind }> {
  const isOfKind = (candidate: CredentialSpec): candidate is Extract<CredentialSpec, { kind: Kind }> =>
    kinds.some((kind) => kind === candidate.kind);
  if (isOfKind(credential)) return credential;
  const names = kinds.map((kind) => `"${kind}"`).join(" or ");
  throw new McpAuthError(
    "config_invalid",
    `Server "${server}": the client's "method" is "${method}", but the client has no ${names}. Add it, or change the ` +
      '"method".',
    { server },
  );
}
