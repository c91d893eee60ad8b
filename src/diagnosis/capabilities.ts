// Whether the servers list what the config asks of them. Lists are often incomplete, so what is not listed may work.
import { printable } from "../lib/printable.js";
import type { Finding } from "./finding.js";
import { isStandardScope } from "./standard-scopes.js";

export interface WantedCapabilities {
  readonly issuer: string;
  readonly grantType: string;
  /** The client authentication method of the config, absent if it leaves the choice to the server's list. */
  readonly method: string | undefined;
  readonly dpop: boolean;
  /** The scopes of the config. */
  readonly scopes: readonly string[];
}

/** The lists that the servers publish. Absent without a list, which says nothing. */
export interface PublishedCapabilities {
  readonly grantTypes?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly dpopAlgorithms?: readonly string[] | undefined;
  /** The scopes that the authorization server lists. */
  readonly issuerScopes?: readonly string[] | undefined;
  /** The scopes that the MCP server lists. */
  readonly resourceScopes?: readonly string[] | undefined;
}

/** Returns everything that the config asks for and the servers do not list. */
export function checkCapabilities(
  wanted: WantedCapabilities,
  published: PublishedCapabilities,
): readonly Finding[] {
  return [
    checkGrantType(wanted, published),
    checkMethod(wanted, published),
    checkDpop(wanted, published),
    checkScopes(wanted, published),
  ].filter((finding) => finding !== undefined);
}

const usedAnyway = "It is used all the same, because such lists are often incomplete.";

function checkGrantType(
  { issuer, grantType }: WantedCapabilities,
  { grantTypes }: PublishedCapabilities,
): Finding | undefined {
  if (grantTypes === undefined || grantTypes.includes(grantType)) return undefined;
  return {
    id: "grant_type_not_listed",
    cause: `${printable(issuer)} does not list the grant type ${printable(grantType)}.`,
    remedy: `${usedAnyway} If the token request is rejected, have the operator allow it for this client.`,
  };
}

function checkMethod(
  { issuer, method }: WantedCapabilities,
  { methods }: PublishedCapabilities,
): Finding | undefined {
  if (method === undefined || methods === undefined || methods.includes(method)) return undefined;
  return {
    id: "method_not_listed",
    cause: `${printable(issuer)} does not list the client's "method" ${printable(method)}.`,
    remedy: `${usedAnyway} If the token request is rejected, remove "method", so that a listed one is chosen.`,
  };
}

function checkDpop(
  { issuer, dpop }: WantedCapabilities,
  { dpopAlgorithms }: PublishedCapabilities,
): Finding | undefined {
  if (!dpop || dpopAlgorithms !== undefined) return undefined;
  return {
    id: "dpop_not_listed",
    cause: `${printable(issuer)} lists no algorithm for DPoP (RFC 9449).`,
    remedy: 'If it then issues bearer tokens, remove "dpop" from the server.',
  };
}

function checkScopes(
  { scopes }: WantedCapabilities,
  { issuerScopes, resourceScopes }: PublishedCapabilities,
): Finding | undefined {
  const lists = [issuerScopes, resourceScopes].filter((list) => list !== undefined);
  if (lists.length === 0) return undefined;
  const unlisted = scopes.filter(
    (scope) => !isStandardScope(scope) && !lists.some((list) => list.includes(scope)),
  );
  if (unlisted.length === 0) return undefined;
  const names = printable(unlisted.join(" "));
  return {
    id: "scopes_not_listed",
    cause: `Neither server lists ${unlisted.length === 1 ? "the scope" : "the scopes"} ${names} of the config.`,
    remedy: "Check the spelling.",
  };
}
