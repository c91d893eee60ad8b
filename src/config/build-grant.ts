import { buildClient, buildKey } from "./build-client.js";
import { buildReference, buildValues, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type {
  Actor,
  ClientCredentialsGrant,
  Config,
  JwtBearerGrant,
  Server,
  Subject,
} from "./generated/types.js";
import type { AssertionSpec, GrantCommon, GrantSpec, SecretReference, SubjectSpec } from "./spec.js";

/** The grant as the runtime uses it. `folder` is what relative paths are relative to. */
export function buildGrant(grant: Server["grant"], config: Config, folder: string): GrantSpec {
  if (grant.type === "static") {
    const lifetime = duration(grant.lifetime);
    const token = buildReference(grant.token, folder);
    const { scopes } = grant;
    return {
      type: "static",
      token,
      ...(lifetime !== undefined && { lifetime }),
      ...buildCommon({ scopes }, folder),
    };
  }
  const common = buildCommon(grant, folder);
  const client = buildClient(grant.client, config, folder);
  switch (grant.type) {
    case "jwt_bearer":
      return {
        type: grant.type,
        client,
        assertion: buildAssertion(grant.assertion, config, folder),
        ...common,
      };
    case "token_exchange":
      return {
        type: grant.type,
        client,
        subject: buildSubject(grant.subject, defaults.subjectType, folder),
        ...(grant.actor !== undefined && { actor: buildSubject(grant.actor, defaults.subjectType, folder) }),
        ...(grant.requestedType !== undefined && { requestedType: tokenTypeUri(grant.requestedType) }),
        ...common,
      };
    case "enterprise_managed": {
      const subject = buildSubject(grant.idp.subject, defaults.idpSubjectType, folder);
      return {
        type: grant.type,
        client,
        idp: { client: buildClient(grant.idp.client, config, folder), subject },
        ...common,
      };
    }
    case "refresh_token":
      return {
        type: grant.type,
        client,
        refreshToken: buildReference(grant.refreshToken, folder),
        ...common,
      };
    default:
      return { type: "client_credentials", client, ...common };
  }
}

type Common = Pick<ClientCredentialsGrant, "resource" | "audience" | "params"> & {
  readonly scopes?: readonly string[] | undefined;
};

function buildCommon({ scopes, resource, audience, params }: Common, folder: string): GrantCommon {
  return {
    ...(scopes !== undefined && { scopes: [...scopes] }),
    ...(resource !== undefined && { resource }),
    audience: audience === undefined ? [] : [audience].flat(),
    params: buildValues(params ?? {}, folder),
  };
}

function buildAssertion(
  assertion: JwtBearerGrant["assertion"],
  config: Config,
  folder: string,
): AssertionSpec {
  if (!("subject" in assertion)) {
    return { kind: "platform", reference: buildReference(assertion, folder) };
  }
  const { key, issuer, subject, audience, lifetime, claims } = assertion;
  return {
    kind: "signed",
    key: buildKey(key, config, folder),
    issuer,
    subject,
    audience: audience ?? defaults.assertionAudience,
    lifetime: duration(lifetime) ?? defaults.assertionLifetime,
    claims: { ...claims },
  };
}

function buildSubject({ token, type }: Subject | Actor, fallback: string, folder: string): SubjectSpec {
  return { token: buildToken(token, folder), type: tokenTypeUri(type ?? fallback) };
}

function buildToken(token: Subject["token"], folder: string): SecretReference | { readonly runtime: true } {
  return "runtime" in token ? { runtime: true } : buildReference(token, folder);
}

/** Returns the URI of a token type (RFC 8693 §3), which the config gives as a URI or as a short name. */
function tokenTypeUri(type: string): string {
  return type.includes(":") ? type : `urn:ietf:params:oauth:token-type:${type}`;
}
