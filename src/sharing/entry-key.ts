import { createHash } from "node:crypto";
import type {
  AssertionSpec,
  ClientSpec,
  GrantSpec,
  SecretReference,
  ServerSpec,
  SubjectSpec,
} from "../config/spec.js";
import type { MetadataKind } from "../discovery/metadata-store.js";
import type { Dpop } from "../dpop/dpop.js";
import { loadTlsIdentity } from "../keys/load-tls-identity.js";
import type { KeyContext } from "../keys/signing-key.js";
import { jwtClaims } from "../lib/jwt-claims.js";
import { identityClaims } from "../lib/jwt-identity.js";
import { machineOf } from "../lib/loopback.js";
import type { Secret } from "../lib/secret.js";
import { unreachable } from "../lib/unreachable.js";
import type { AttemptContext, ManagerSubject } from "../oauth/attempt.js";
import { readSubjectToken } from "../oauth/grants/subject-token.js";
import type { CredentialRecorder } from "../secrets/credential-recorder.js";
import { readSecret } from "../secrets/read-secret.js";

/**
 * Returns the key of a token in the store: a hash of everything that determines the token, so that a change never finds
 * the old one. Returns `undefined` for a token that no other process can use: a static token, and one that is bound to
 * a key that this process generated.
 *
 * Reads the references that determine the token (headers of the client, params, subject tokens, keys) and keeps their
 * values for the request that may follow. Rejects with their codes.
 */
export async function tokenEntryKey(
  attempt: AttemptContext,
  recorder: CredentialRecorder,
  networkTrust: () => Promise<string>,
): Promise<string | undefined> {
  const { spec, manager } = attempt;
  const { grant, url, dpop } = spec;
  if (grant.type === "static" || (dpop !== undefined && dpop.key === undefined)) return undefined;
  const { issuer, id } = grant.client;
  const [headers, params, subject, binding, trust] = await Promise.all([
    headersOf(grant.client, attempt, recorder),
    paramsOf(grant.params, attempt, recorder),
    subjectOf(grant, manager.subject, attempt, recorder),
    bindingOf(spec, manager.dpop, attempt),
    networkTrust(),
  ]);
  const scopes = attempt.scopes ?? grant.scopes;
  const identity = {
    ...{ issuer, client: id ?? null, grant: grant.type, url },
    resource: grant.resource ?? null,
    audience: grant.audience,
    scopes: scopes === undefined ? null : [...new Set(scopes)].toSorted(),
    ...{ params, subject, binding, trust, machine: machineOf(url, ...serversOf(grant)) },
    endpoints: endpointsOf(grant.client),
    ...(headers !== undefined && { headers }),
    ...(grant.use !== undefined && { use: grant.use }),
    // Resource metadata supplies what the config leaves to the server.
    ...(spec.resourceMetadata !== undefined && { resourceMetadata: spec.resourceMetadata }),
  };
  if (manager.subject === undefined) return `${tokenPrefix(spec)}${hashOf(identity)}`;
  const prefix = userTokenPrefix(spec, manager.subject.key());
  return `${prefix}${hashOf(identity).slice(userHashLength)}`;
}

/** Returns the prefix of the keys of all tokens of one client for one MCP server. */
export function tokenPrefix({ grant, url }: ServerSpec): string {
  const client = grant.type === "static" ? undefined : grant.client;
  return `token.${hashOf([client?.issuer, client?.id ?? null, url])}.`;
}

/** Hexadecimal digits. If two users share them, to forget one costs the other a token request. */
const userHashLength = 8;

/** Returns the prefix of the keys of all tokens of one user, by the `key` that `for()` got. */
export function userTokenPrefix(spec: ServerSpec, key: string): string {
  return `${tokenPrefix(spec)}${hashOf(["user", key]).slice(0, userHashLength)}`;
}

/** Returns the prefix of the keys of the metadata of one server, under every network trust. */
export function metadataPrefix(kind: MetadataKind, name: string): string {
  return `metadata.${hashOf([kind, name])}.`;
}

/** Returns 128 bits in hexadecimal, because some file systems ignore case. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}

/** Returns the token endpoints that the config sets, because another endpoint may issue other tokens. */
function endpointsOf({ metadata }: Pick<ClientSpec, "metadata">): readonly (string | null)[] | null {
  return metadata === undefined ? null : [metadata.tokenEndpoint, metadata.mtlsTokenEndpoint ?? null];
}

/** Returns the URLs in the config of all servers that take part in getting the token. */
function serversOf(grant: Exclude<GrantSpec, { readonly type: "static" }>): readonly string[] {
  const clients = grant.type === "enterprise_managed" ? [grant.client, grant.idp.client] : [grant.client];
  return clients.flatMap((client) =>
    [client.issuer, ...(endpointsOf(client) ?? [])].filter((url) => url !== null),
  );
}

async function read(
  reference: SecretReference,
  context: KeyContext,
  recorder: CredentialRecorder,
): Promise<Secret> {
  const value = await readSecret(reference, context);
  recorder.prefetch(reference, value);
  return value;
}

async function paramsOf(
  params: Readonly<Record<string, string | SecretReference>>,
  context: KeyContext,
  recorder: CredentialRecorder,
): Promise<readonly unknown[]> {
  const entries = Object.entries(params).map(async ([name, value]) => {
    if (typeof value === "string") return [name, value] as const;
    const secret = await read(value, context, recorder);
    // A platform issues a JWT for the same party again and again.
    const isJwt = jwtClaims(secret.reveal()) !== undefined;
    return [name, isJwt ? { identity: identityOf(secret) } : secret.reveal()] as const;
  });
  return (await Promise.all(entries)).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Identifies the headers of requests to the authorization server, which may choose a tenant. Returns `undefined` for
 * none.
 */
async function headersOf(
  { headers = {} }: Pick<ClientSpec, "headers">,
  context: KeyContext,
  recorder: CredentialRecorder,
): Promise<readonly unknown[] | undefined> {
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  const identified = entries.map(async ([name, value]) => {
    const identity = typeof value === "string" ? value : identityOf(await read(value, context, recorder));
    return [name.toLowerCase(), identity] as const;
  });
  return (await Promise.all(identified)).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Identifies the party that the token is issued for, `null` for the client itself. */
async function subjectOf(
  grant: Exclude<GrantSpec, { readonly type: "static" }>,
  user: ManagerSubject | undefined,
  context: KeyContext,
  recorder: CredentialRecorder,
): Promise<unknown> {
  const holderOf = async (subject: Pick<SubjectSpec, "token">): Promise<object> => {
    const token = await readSubjectToken(subject, user, context);
    recorder.prefetch(subject.token, token);
    const key = "runtime" in subject.token ? (user?.key() ?? null) : null;
    return { key, identity: identityOf(token) };
  };
  const partyOf = async (subject: SubjectSpec): Promise<object> => {
    return { type: subject.type, ...(await holderOf(subject)) };
  };
  switch (grant.type) {
    case "client_credentials":
      return null;
    case "extension":
      return { grantType: grant.grantType };
    case "jwt_bearer":
      return grant.assertion.kind === "runtime"
        ? await holderOf({ token: { runtime: true } })
        : await assertionOf(grant.assertion, context, recorder);
    case "token_exchange": {
      const { subject, actor, requestedType } = grant;
      const acting = actor === undefined ? null : await partyOf(actor);
      return {
        subject: subject === undefined ? null : await partyOf(subject),
        actor: acting,
        requestedType: requestedType ?? null,
      };
    }
    case "enterprise_managed": {
      const { client, subject } = grant.idp;
      const { issuer, id = null } = client;
      const headers = await headersOf(client, context, recorder);
      return {
        ...{ issuer, client: id, endpoints: endpointsOf(client), subject: await partyOf(subject) },
        ...(headers !== undefined && { headers }),
      };
    }
    case "refresh_token": {
      const { refreshToken: reference } = grant;
      return { seed: reference ? hashOf((await read(reference, context, recorder)).reveal()) : null };
    }
    default:
      return unreachable(grant);
  }
}

async function assertionOf(
  assertion: Exclude<AssertionSpec, { kind: "runtime" }>,
  context: KeyContext,
  recorder: CredentialRecorder,
): Promise<unknown> {
  if (assertion.kind === "platform") return identityOf(await read(assertion.reference, context, recorder));
  const { issuer, subject, audience, claims } = assertion;
  return { issuer, subject, audience, claims };
}

/** Identifies the party of a token: by the claims of a JWT except its times, by a hash of any other token. */
function identityOf(token: Secret): string {
  const text = token.reveal();
  return hashOf(identityClaims(text) ?? text);
}

/** Returns the key and certificate that the token is bound to. Only processes that have them share the token. */
async function bindingOf(
  { grant }: ServerSpec,
  dpop: (() => Promise<Dpop>) | undefined,
  context: KeyContext,
): Promise<unknown> {
  const client = grant.type === "static" ? undefined : grant.client;
  const { credential } = client ?? {};
  const [dpopSigner, identity] = await Promise.all([
    dpop === undefined
      ? undefined
      : dpop().then((loaded) => loaded.signerFor({ issuer: client?.issuer ?? "" }, context)),
    credential?.kind === "certificate" ? loadTlsIdentity(credential.certificate, context) : undefined,
  ]);
  return { jkt: dpopSigner?.thumbprint ?? null, x5t: identity?.thumbprint ?? null };
}
