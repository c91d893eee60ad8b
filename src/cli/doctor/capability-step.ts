import { checkCapabilities } from "../../diagnosis/capabilities.js";
import { findingText } from "../../diagnosis/finding.js";
import { chooseMethod } from "../../oauth/client-auth/choose-method.js";
import { grantTypeOf } from "../../oauth/grants/grant-type.js";
import { type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Compares the grant, the method, DPoP and the scopes of the config with the lists of the two servers. */
export async function checkServerCapabilities({ server, learned }: ServerCheck): Promise<Outcome> {
  const { spec } = server;
  const { grant, dpop, name } = spec;
  const { authorizationServer: metadata, resource } = learned;
  if (grant.type === "static") return pass("not needed for a static token");
  if (metadata === undefined) return skip("no metadata");
  const { client, scopes = [] } = grant;
  // Throws if the list has no method for the credential, as a token request does.
  const method =
    client.id === undefined ? undefined : chooseMethod(client, metadata, { server: name, warned: new Set() });
  const grantType = grantTypeOf(grant);
  const findings = checkCapabilities(
    { issuer: client.issuer, grantType, method: client.method, dpop: dpop !== undefined, scopes },
    {
      grantTypes: metadata.grant_types_supported,
      methods: metadata.token_endpoint_auth_methods_supported,
      dpopAlgorithms: metadata.dpop_signing_alg_values_supported,
      issuerScopes: metadata.scopes_supported,
      resourceScopes: resource?.scopes_supported,
    },
  );
  // Many servers that work do not list a grant. If this one does not offer it, its answer to the token request says so.
  const [finding] = findings.filter(({ id }) => id !== "grant_type_not_listed");
  const unlisted = findings.some(({ id }) => id === "grant_type_not_listed") ? ["not listed there"] : [];
  if (finding !== undefined) return warn({ id: finding.id, remedy: findings.map(findingText).join(" ") });
  return pass(
    [grant.type, ...unlisted, method ?? "no client", ...(dpop === undefined ? [] : ["DPoP"])].join(", "),
  );
}
