import type { ClientAuthenticationMethod, ClientSpec, GrantSpec, ServerSpec } from "../../config/spec.js";
import type { PublicJwk } from "../../keys/signing-key.js";
import { printable, quoted } from "../../lib/printable.js";
import { unreachable } from "../../lib/unreachable.js";
import { deviceCodeGrantType, grantTypeOf } from "../../oauth/grants/grant-type.js";
import { tokenExchangeGrantType } from "../../oauth/grants/subject-token.js";
import { UsageError } from "../options.js";
import type { PublicSet } from "./public-set.js";

/** A client id metadata document. It has no secret, because the draft forbids every shared one. */
export interface MetadataDocument {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_uri?: string;
  readonly grant_types: readonly string[];
  /** Empty, because nobody is redirected. The default of RFC 7591 §2 would be `code`. */
  readonly response_types: readonly never[];
  readonly redirect_uris: readonly never[];
  readonly token_endpoint_auth_method: ClientAuthenticationMethod;
  readonly token_endpoint_auth_signing_alg?: string;
  readonly jwks_uri?: string;
  readonly jwks?: PublicSet;
  readonly scope?: string;
  /** RFC 9449 §5.2. */
  readonly dpop_bound_access_tokens?: true;
}

/** A server, and the client with the id that it uses. */
export interface ClientUse {
  readonly server: ServerSpec;
  readonly client: ClientSpec;
}

export interface DocumentParts {
  readonly id: string;
  readonly name: string;
  readonly clientUri: string | undefined;
  readonly method: ClientAuthenticationMethod;
  readonly uses: readonly ClientUse[];
  /** Where the keys are published. */
  readonly jwksUri: string | undefined;
  /** Empty for a public client. */
  readonly keys: readonly PublicJwk[];
}

/** Builds the document (draft-ietf-oauth-client-id-metadata-document §4.1) with the members of RFC 7591 §2. */
export function metadataDocument(parts: DocumentParts): MetadataDocument {
  const { id, name, clientUri, method, uses, jwksUri, keys } = parts;
  const algorithm = onlyAlgorithm(keys);
  const scope = scopeOf(uses);
  const isBound = uses.length > 0 && uses.every(({ server }) => server.dpop !== undefined);
  return {
    client_id: id,
    client_name: name,
    ...(clientUri !== undefined && { client_uri: clientUri }),
    grant_types: grantTypes(uses),
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: method,
    ...(algorithm !== undefined && { token_endpoint_auth_signing_alg: algorithm }),
    ...(jwksUri !== undefined ? { jwks_uri: jwksUri } : keys.length > 0 && { jwks: { keys } }),
    ...(scope !== undefined && { scope }),
    ...(isBound && { dpop_bound_access_tokens: true }),
  };
}

/** Returns the algorithm of the keys. `undefined` if they have several: then the server accepts each that it knows. */
function onlyAlgorithm(keys: readonly PublicJwk[]): string | undefined {
  const [first, ...others] = new Set(keys.map(({ alg }) => alg));
  return others.length === 0 ? first : undefined;
}

/** Returns all scopes that may be requested. `undefined` if the config leaves them to a server. */
function scopeOf(uses: readonly ClientUse[]): string | undefined {
  const sets = uses.map(({ server: { grant, stepUp } }) => grant.scopes && [...grant.scopes, ...stepUp]);
  if (sets.includes(undefined)) return undefined;
  const scopes = [...new Set(sets.flatMap((set) => set ?? []))];
  return scopes.length === 0 ? undefined : scopes.join(" ");
}

function grantTypes(uses: readonly ClientUse[]): readonly string[] {
  const types = uses.flatMap(({ server: { grant }, client }) => grantTypesOf(grant, client));
  return types.length === 0 ? ["client_credentials"] : [...new Set(types)];
}

/** Returns the grant types that a client with one use needs. */
function grantTypesOf(grant: GrantSpec, { id }: ClientSpec): readonly string[] {
  switch (grant.type) {
    case "static":
      return [];
    case "refresh_token":
      // `login` gets the first refresh token.
      return grant.refreshToken === undefined ? [grant.type, deviceCodeGrantType] : [grant.type];
    case "enterprise_managed":
      return [
        ...(grant.client.id === id ? [grantTypeOf(grant)] : []),
        ...(grant.idp.client.id === id ? [tokenExchangeGrantType] : []),
      ];
    default:
      return [grantTypeOf(grant)];
  }
}

/** Returns how the clients with one id authenticate. Throws `UsageError` for methods that no document can describe. */
export function methodOfDocument(clients: readonly ClientSpec[], label: string): ClientAuthenticationMethod {
  const [method, ...others] = new Set(clients.map((client) => methodOf(client, label)));
  if (method === undefined || others.length > 0) {
    throw new UsageError(
      `${label} authenticates in several ways, and its document can name only one. Use one method everywhere.`,
    );
  }
  return method;
}

function methodOf({ credential, method, id = "" }: ClientSpec, label: string): ClientAuthenticationMethod {
  switch (credential.kind) {
    case "key":
    case "assertion":
      return "private_key_jwt";
    case "none":
      return "none";
    case "secret":
      throw new UsageError(
        `${label} has a secret, and a client that a document describes must not have one. Replace "secret" by ` +
          '"key". See npx mcp-auth-runtime keys generate --help',
      );
    case "certificate":
      throw new UsageError(
        `${label} authenticates with a certificate (${printable(method ?? "tls_client_auth")}), and this command ` +
          `does not describe certificates. Write the document for ${quoted(id)} by hand. RFC 8705 §2 has its members.`,
      );
    default:
      return unreachable(credential);
  }
}
