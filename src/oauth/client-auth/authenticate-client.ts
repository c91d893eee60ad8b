import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { chooseMethod } from "./choose-method.js";
import type { ClientAuth, ClientAuthentication, ClientAuthenticationContext } from "./client-auth.js";
import { clientSecretBasic } from "./client-secret-basic.js";
import { clientSecretJwt } from "./client-secret-jwt.js";
import { clientSecretPost } from "./client-secret-post.js";
import { CredentialsInUse } from "./credentials-in-use.js";
import { platformAssertion } from "./platform-assertion.js";
import { privateKeyJwt } from "./private-key-jwt.js";
import { anonymousClient, publicClient } from "./public-client.js";
import { tlsClientAuth } from "./tls-client-auth.js";

/** Who does not ask what a refused request was made with, need not say what reads it. */
type ContextToAuthenticate = Omit<ClientAuthenticationContext, "credentials"> &
  Partial<Pick<ClientAuthenticationContext, "credentials">>;

/**
 * How this client proves at this authorization server who it is (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2). What is
 * secret is read at each call, and not before it is known that the server takes it. Made for one token request.
 *
 * Rejects with `unsupported_by_server`, `secret_unavailable`, `key_invalid` or `config_invalid`; `apply` may reject
 * with `key_invalid` or `signer_unavailable`.
 */
export async function authenticateClient(
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  { credentials = new CredentialsInUse(), ...rest }: ContextToAuthenticate,
): Promise<ClientAuthentication> {
  const context = { ...rest, credentials };
  const method = client.id === undefined ? undefined : chooseMethod(client, metadata, context);
  if (method === "tls_client_auth" || method === "self_signed_tls_client_auth") {
    const { certificate } = credentialFor(method, client.credential, ["certificate"], context.server);
    return await tlsClientAuth(certificate, metadata, context);
  }
  const apply = await credentialInRequest(method, client, metadata, context);
  return { apply, fetch: context.fetch, tokenEndpoint: metadata.token_endpoint };
}

/** For the methods whose credential is part of the request itself. */
async function credentialInRequest(
  method: Exclude<ClientAuthenticationMethod, "tls_client_auth" | "self_signed_tls_client_auth"> | undefined,
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  context: ClientAuthenticationContext,
): Promise<ClientAuth> {
  const { server } = context;
  switch (method) {
    case undefined:
      return anonymousClient;
    case "none":
      return publicClient;
    case "private_key_jwt": {
      const credential = credentialFor(method, client.credential, ["key", "assertion"], server);
      return credential.kind === "key"
        ? await privateKeyJwt(credential.key, client, metadata, context)
        : await platformAssertion(credential.assertion, client, context);
    }
    default: {
      const { secret } = credentialFor(method, client.credential, ["secret"], server);
      if (method === "client_secret_jwt") return await clientSecretJwt(secret, client, metadata, context);
      if (method === "client_secret_post") return await clientSecretPost(secret, context);
      return await clientSecretBasic(secret, client, context);
    }
  }
}

/** The client's credential, if it is one that the method is for. */
function credentialFor<Kind extends CredentialSpec["kind"]>(
  method: ClientAuthenticationMethod,
  credential: CredentialSpec,
  kinds: readonly Kind[],
  server: string,
): Extract<CredentialSpec, { kind: Kind }> {
  const isWanted = (one: CredentialSpec): one is Extract<CredentialSpec, { kind: Kind }> =>
    kinds.some((kind) => kind === one.kind);
  if (isWanted(credential)) return credential;
  const wanted = kinds.map((kind) => `"${kind}"`).join(" or ");
  throw new McpAuthError(
    "config_invalid",
    `Server "${server}": the client's "method" is "${method}", which needs a ${wanted}, and it has none.`,
    { server },
  );
}
