import { unreachable } from "../lib/unreachable.js";
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
import type { AssertionSpec, GrantCommon, GrantSpec, SubjectSpec } from "./spec.js";

/** Builds the runtime's form of a grant. Relative paths are relative to `folder`. */
export function buildGrant(grant: Server["grant"], config: Config, folder: string): GrantSpec {
  switch (grant.type) {
    case undefined:
    case "client_credentials":
      return {
        type: "client_credentials",
        client: buildClient(grant.client, config, folder),
        ...buildCommon(grant, folder),
      };
    case "jwt_bearer":
      return {
        type: grant.type,
        client: buildClient(grant.client, config, folder),
        assertion: buildAssertion(grant.assertion, config, folder),
        ...buildCommon(grant, folder),
      };
    case "token_exchange":
      return {
        type: grant.type,
        client: buildClient(grant.client, config, folder),
        ...(grant.subject !== undefined && {
          subject: buildSubject(grant.subject, defaults.subjectType, folder),
        }),
        ...(grant.actor !== undefined && {
          actor: buildSubject(grant.actor, defaults.subjectType, folder),
        }),
        ...(grant.requestedType !== undefined && { requestedType: tokenTypeUri(grant.requestedType) }),
        ...buildCommon(grant, folder),
      };
    case "enterprise_managed":
      return {
        type: grant.type,
        client: buildClient(grant.client, config, folder),
        idp: {
          client: buildClient(grant.idp.client, config, folder),
          subject: buildSubject(grant.idp.subject, defaults.idpSubjectType, folder),
        },
        ...buildCommon(grant, folder),
      };
    case "refresh_token":
      return {
        type: grant.type,
        client: buildClient(grant.client, config, folder),
        ...(grant.refreshToken !== undefined && {
          refreshToken: buildReference(grant.refreshToken, folder),
        }),
        ...buildCommon(grant, folder),
      };
    case "extension":
      return {
        type: grant.type,
        client: buildClient(grant.client, config, folder),
        grantType: grant.grantType,
        ...buildCommon(grant, folder),
      };
    case "static": {
      const lifetime = duration(grant.lifetime);
      return {
        type: grant.type,
        token: buildReference(grant.token, folder),
        ...(lifetime !== undefined && { lifetime }),
        ...buildCommon({ scopes: grant.scopes }, folder),
      };
    }
    default:
      return unreachable(grant);
  }
}

type CommonConfig = Pick<ClientCredentialsGrant, "resource" | "audience" | "params" | "use"> & {
  readonly scopes?: readonly string[] | undefined;
};

function buildCommon({ scopes, resource, audience, params, use }: CommonConfig, folder: string): GrantCommon {
  return {
    ...(scopes !== undefined && { scopes: [...scopes] }),
    ...(resource !== undefined && { resource }),
    audience: audience === undefined ? [] : [audience].flat(),
    ...(use === "id_token" && { use }),
    params: buildValues(params ?? {}, folder),
  };
}

function buildAssertion(
  assertion: JwtBearerGrant["assertion"],
  config: Config,
  folder: string,
): AssertionSpec {
  if ("runtime" in assertion) return { kind: "runtime" };
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

function buildSubject({ token, type }: Subject | Actor, defaultType: string, folder: string): SubjectSpec {
  return {
    token: "runtime" in token ? { runtime: true } : buildReference(token, folder),
    type: tokenTypeUri(type ?? defaultType),
  };
}

/** Returns the URI of a token type (RFC 8693 §3). The config has the URI or its short name. */
function tokenTypeUri(type: string): string {
  return type.includes(":") ? type : `urn:ietf:params:oauth:token-type:${type}`;
}
