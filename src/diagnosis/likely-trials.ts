// What may be tried after a failure, the likeliest first: the changes that its findings name, then guesses.
import type { GrantSpec, ServerSpec } from "../config/spec.js";
import type { McpAuthError } from "../errors/error.js";
import { findingsIn, isOpenRejection, trialsIn } from "../errors/findings.js";
import type { PropertyTrial, Trial } from "../errors/trial.js";
import { withoutSlash } from "./url-difference.js";

/** Why nothing may be tried, as a sentence. */
export interface NothingToTry {
  readonly reason: string;
}

/**
 * Returns the changes of the config that may be the remedy of an error, the likeliest first. None of them names an
 * issuer, a resource or an endpoint that only a server chose: a server could then obtain a token that is meant for
 * another one. `refusedByServer`: the MCP server refused the token.
 */
export function likelyTrials(
  error: McpAuthError,
  spec: ServerSpec,
  { refusedByServer }: { readonly refusedByServer: boolean },
): readonly Trial[] | NothingToTry {
  const { grant } = spec;
  if (grant.type === "static") {
    return { reason: "The token of the config is not requested, so no other request can be tried." };
  }
  if (grant.type === "refresh_token") {
    return {
      reason:
        "Nothing is tried with a refresh token: an authorization server that sees one twice may revoke all tokens that " +
        "came from it.",
    };
  }
  const all = [...trialsIn(error), ...guesses(error, spec, grant, refusedByServer)];
  const trials = [...new Map(all.map((trial) => [JSON.stringify(trial), trial])).values()];
  return trials.length === 0 ? noChange : trials;
}

export const noChange: NothingToTry = {
  reason: "There is nothing to try automatically.",
};

type RequestingGrant = Exclude<GrantSpec, { readonly type: "static" | "refresh_token" }>;

function guesses(
  error: McpAuthError,
  spec: ServerSpec,
  grant: RequestingGrant,
  refusedByServer: boolean,
): readonly Trial[] {
  if (refusedByServer)
    return isAboutToken(error) ? audienceTrials(spec, grant, requestedResource(error)) : [];
  switch (error.code) {
    case "token_request_rejected":
      return requestTrials(error, spec, grant);
    case "resource_mismatch":
      return [set("grant", "resource", spec.url), set("server", "resourceMetadata", false)];
    case "issuer_mismatch":
      return issuerTrials(error, grant);
    default:
      return [];
  }
}

function requestTrials(error: McpAuthError, spec: ServerSpec, grant: RequestingGrant): readonly Trial[] {
  const ids = findingsIn(error);
  if (ids.includes("no_scope")) return stepUpTrials(spec);
  if (ids.includes("scopes_of_config")) return scopeTrials(grant);
  if (ids.includes("resource_not_known")) return targetTrials(spec, grant);
  if (!isOpenRejection(error)) return [];
  return [...scopeTrials(grant), ...targetTrials(spec, grant)];
}

/** Fewer scopes than those of the config: all but one of a few, else none. */
function scopeTrials({ scopes = [] }: RequestingGrant): readonly PropertyTrial[] {
  if (scopes.length === 0) return [];
  const few = scopes.length > 1 && scopes.length <= 4 ? scopes : [];
  const others = few.map((left) => scopes.filter((scope) => scope !== left)).toReversed();
  return [...others, []].map((value) => set("grant", "scopes", value));
}

function stepUpTrials({ stepUp }: ServerSpec): readonly PropertyTrial[] {
  return stepUp.length === 0 ? [] : [set("grant", "scopes", stepUp)];
}

/** Other names under which the authorization server may know the MCP server, and none. */
function targetTrials(spec: ServerSpec, grant: RequestingGrant): readonly PropertyTrial[] {
  const withoutAny = grant.resource === false ? [] : [set("grant", "resource", false)];
  return [...withoutAny, ...audienceTrials(spec, grant)];
}

/** Other names of the MCP server. A token for any of them is for this server, so the server may be sent it. */
function audienceTrials(
  { url }: ServerSpec,
  grant: RequestingGrant,
  requested = grant.resource === false ? undefined : (grant.resource ?? url),
): readonly PropertyTrial[] {
  const { origin } = new URL(url);
  const otherSlash = url.endsWith("/") ? withoutSlash(url) : `${url}/`;
  const names = [...new Set([origin, otherSlash])].filter((name) => name !== url);
  const resources = [url, ...names].filter((name) => name !== requested);
  const audiences = [url, origin].filter((name) => !grant.audience.includes(name));
  const [nearest, ...rest] = resources.map((name) => set("grant", "resource", name));
  return [
    ...(nearest === undefined ? [] : [nearest]),
    ...audiences.map((name) => set("grant", "audience", name)),
    ...rest,
  ];
}

/** The resource of the token that the MCP server refused. */
function requestedResource({ details }: McpAuthError): string | undefined {
  const resource = details?.["resource"];
  return typeof resource === "string" ? resource : undefined;
}

/** Whether the MCP server may have refused the token for what it is issued for. */
function isAboutToken(error: McpAuthError): boolean {
  const ids = findingsIn(error);
  const other = /^(?:refused_by_gateway_login|resource_metadata_elsewhere|token_issuer|token_scopes|scopes_)/;
  return error.code === "unauthorized" && !ids.some((id) => other.test(id));
}

/** The same issuer with or without its slash, where a server says so; and a list that does not name it, left aside. */
function issuerTrials(
  error: McpAuthError,
  { client: { issuer } }: RequestingGrant,
): readonly PropertyTrial[] {
  const ids = findingsIn(error);
  if (ids.some((id) => id === "issuer_trailing_slash" || id === "issuer_listed_trailing_slash")) {
    const other = issuer.endsWith("/") ? withoutSlash(issuer) : `${issuer}/`;
    return [set("client", "issuer", other)];
  }
  return ids.includes("issuer_not_listed") ? [set("server", "resourceMetadata", false)] : [];
}

function set(place: PropertyTrial["place"], property: string, value: PropertyTrial["value"]): PropertyTrial {
  return { place, property, value };
}
