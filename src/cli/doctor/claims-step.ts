import { idTokenAudiences } from "../../diagnosis/id-token-audiences.js";
import { checkTokenClaims } from "../../diagnosis/token-claims.js";
import { McpAuthError } from "../../errors/error.js";
import type { JsonObject } from "../../lib/json-object.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { Token } from "../../tokens/token.js";
import { failWith, type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck, StepResult } from "./server-check.js";

/** Compares what the token says, or its authorization server about it, with what the MCP server probably expects. */
export async function checkClaims(check: ServerCheck, signal: AbortSignal): Promise<Outcome> {
  const { server, learned } = check;
  const { token } = learned;
  if (token === undefined) return skip("no token");
  const own = jwtClaims(token.accessToken);
  const found = own === undefined ? await introspected(check, token, signal) : { claims: own };
  if ("reason" in found) return skip(found.reason);
  const { claims } = found;
  const { grant, url } = server.spec;
  const finding = checkTokenClaims({
    claims,
    issuer: grant.type === "static" ? undefined : grant.client.issuer,
    audiences: [url, token.resource, ...audiencesOf(check)],
    scopes: grant.type === "static" || grant.use === "id_token" ? [] : (grant.scopes ?? []),
    now: Date.now(),
    binding: {
      jkt: token.binding?.dpopSigner?.thumbprint,
      x5t: token.binding?.certificate?.thumbprint,
    },
  });
  const details = shown(claims);
  const how = own === undefined ? "opaque token, introspected" : "JWT";
  if (finding === undefined) return pass(`${how}: ${fitting(claims)}`);
  learned.suspicion = finding;
  const outcome = finding.isFatal
    ? failWith(finding, "token_response_invalid", details)
    : warn(finding, details);
  return own === undefined ? { ...outcome, speaker: "the authorization server" } : outcome;
}

/** The config need not know what a server expects: a token that it accepts is right, whatever it looks like. */
export function reconsiderClaims(result: StepResult, all: readonly StepResult[]): StepResult {
  const isAccepted = all.some(({ step, verdict }) => step === "call" && verdict === "pass");
  if (result.verdict !== "warn" || !isAccepted) return result;
  const { step, ms, details, cause = result.message } = result;
  return { step, ms, details, verdict: "pass", message: `The server accepts the token. ${cause}` };
}

function audiencesOf({ server }: ServerCheck): readonly (string | undefined)[] {
  const { grant } = server.spec;
  if (grant.use === "id_token") return idTokenAudiences(grant);
  return [...grant.audience, grant.resource === false ? undefined : grant.resource];
}

/** Names the claims that were compared. */
function fitting(claims: JsonObject): string {
  const names = ["aud", "iss", "exp", "scope", "scp", "cnf"].filter((name) => claims[name] !== undefined);
  return names.length === 0 ? "no claim to compare" : `${names.join(", ")} as expected`;
}

/** The claims that a person compares. */
function shown({ iss, aud, scope, scp, exp, nbf, client_id }: JsonObject): JsonObject {
  return { iss, aud, scope: scope ?? scp, exp, nbf, client_id };
}

async function introspected(
  { server, learned }: ServerCheck,
  token: Token,
  signal: AbortSignal,
): Promise<{ readonly claims: JsonObject } | { readonly reason: string }> {
  const { grant } = server.spec;
  const { authorizationServer: metadata } = learned;
  if (grant.type === "static" || metadata === undefined) return { reason: "opaque token" };
  try {
    const answer = await server.introspect(token, grant.client, metadata, signal);
    if (answer.kind === "answered") return answer;
    const reason =
      answer.kind === "unsupported"
        ? "opaque token, and the authorization server has no introspection for this client"
        : `opaque token, and the authorization server does not introspect it for this client (${answer.status})`;
    return { reason };
  } catch (error) {
    // The token itself may be right.
    if (!(error instanceof McpAuthError) || signal.aborted) throw error;
    return { reason: `opaque token, and the introspection failed (${error.code})` };
  }
}
