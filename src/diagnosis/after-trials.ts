import type { GrantSpec, ServerSpec } from "../config/spec.js";
import type { McpAuthError } from "../errors/error.js";
import { remainsOf, trialsIn } from "../errors/findings.js";
import { printable } from "../lib/printable.js";
import { printableUrl } from "../net/printable-url.js";
import { issuerName } from "./issuer.js";

/** More would not be read. */
const maxRemaining = 2;

/** Returns what to do about a failure, in sentences, once every change that may be its remedy has failed. */
export function todoAfterTrials(
  error: McpAuthError,
  { grant, url }: ServerSpec,
  { refusedByServer }: { readonly refusedByServer: boolean },
): string {
  const server = printableUrl(url) ?? "the MCP server";
  if (refusedByServer) {
    return `Ask the operator of ${server} which issuer, audience and scopes it expects of a token; its log says why it refuses this one.`;
  }
  if (grant.type === "static") return "";
  if (error.code !== "token_request_rejected") {
    return `Ask the operator of ${server} which authorization server issues its tokens, and as which resource.`;
  }
  const isAtIdp = trialsIn(error).some((trial) => trial.isAtIdp === true);
  const { issuer } = isAtIdp && grant.type === "enterprise_managed" ? grant.idp.client : grant.client;
  const question = `sk the operator of ${issuerName(issuer)} ${questionAbout(error, grant, server)}.`;
  const checks = remainsOf(error).slice(0, maxRemaining);
  return checks.length === 0 ? `A${question}` : `${checks.join(" ")} Otherwise, a${question}`;
}

function questionAbout({ oauthError }: McpAuthError, grant: RequestingGrant, server: string): string {
  const { id } = grant.client;
  const client = id === undefined ? "this client" : `the client "${printable(id)}"`;
  if (oauthError === "invalid_scope") return `which scopes ${client} may request`;
  if (oauthError === "invalid_target") return `which "resource" or "audience" it knows ${server} as`;
  return `why it refuses ${id === undefined ? refusedIn(grant) : client}; its log says more`;
}

type RequestingGrant = Exclude<GrantSpec, { readonly type: "static" }>;

/** What a request without a client id is refused for. */
function refusedIn({ type }: RequestingGrant): string {
  return type === "jwt_bearer" ? "the assertion" : "the request";
}
