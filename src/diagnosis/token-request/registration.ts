import type { RejectedRequest, ScopeFacts } from "../facts.js";
import type { Finding } from "../finding.js";
import { isAbout } from "./clues.js";
import { serverOf } from "./names.js";

/** The client may not be registered for what the grant requests. */
export function checkRegistration({ endpoint: { issuer } }: RejectedRequest): Finding {
  return {
    id: "registration",
    remedy: `Check the client's registration at ${issuer} and the "scopes" of the grant; its log may say more.`,
  };
}

/** RFC 6749 §5.2, `unauthorized_client`. */
export function checkGrantAllowed({ endpoint, rejection }: RejectedRequest): Finding {
  const { grantType, issuer } = endpoint;
  return {
    id: "grant_not_allowed",
    remedy: isAbout(rejection, "disabled")
      ? `Enable the client at ${issuer}, and the grant type ${grantType} for it.`
      : `Allow this client the grant type ${grantType} at ${issuer}.`,
  };
}

/** RFC 6749 §5.2, `unauthorized_client`: for an assertion, what is missing may be a delegation. */
export function checkUnauthorized(request: RejectedRequest): Finding {
  return checkDelegation(request) ?? checkGrantAllowed(request);
}

const google = "https://accounts.google.com";

/** The assertion is for a subject that its issuer may not act for. Google calls it domain-wide delegation. */
function checkDelegation({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { issuer, presents, actsForOther, sent } = endpoint;
  if (presents !== "signed_assertion" || actsForOther !== true) return undefined;
  if (issuer === google) {
    // The claims of the assertion can have scopes that the grant does not.
    const scopes = sent?.scopes?.from === "none" ? 'scopes of the claim "scope"' : '"scopes" of the grant';
    return {
      id: "google_delegation",
      cause:
        'The service account may not act for the "subject" of the grant\'s "assertion" with these scopes.',
      remedy:
        "Authorize its client ID for domain-wide delegation in the Admin console of Google Workspace, with exactly " +
        `the ${scopes}, or set the "subject" to the service account itself. Tokens then belong to that account.`,
    };
  }
  if (isAbout(rejection, "grant") || isAbout(rejection, "disabled")) return undefined;
  return {
    id: "delegation",
    remedy:
      `Allow the "issuer" of the grant's "assertion" to act for its "subject" at ${issuer}, or set ` +
      'the "subject" to the account of the "issuer" itself. Tokens then belong to that account.',
  };
}

/** RFC 6749 §5.2, `unsupported_grant_type`. */
export function checkGrantOffered({ endpoint }: RejectedRequest): Finding {
  return {
    id: "grant_not_offered",
    cause: `${serverOf(endpoint)} does not offer the grant type ${endpoint.grantType}.`,
    remedy: "Enable it there, or use another grant.",
  };
}

/** RFC 6749 §4.1.2.1, `access_denied`, which some servers send from the token endpoint. */
export function checkAccess({ endpoint: { issuer } }: RejectedRequest): Finding {
  return { id: "access_denied", remedy: `Check what this client is allowed at ${issuer}.` };
}

/** Something in the request is missing, superfluous or malformed (RFC 6749 §5.2, `invalid_request`). */
export function checkParameters({ endpoint: { issuer, sent } }: RejectedRequest): Finding {
  return {
    id: "parameters",
    remedy:
      `Check the "scopes"${scopesSent(sent?.scopes?.from)}, "resource", "audience" and "params" of the grant against what ${issuer} expects of this ` +
      "client's registration; its log may say more.",
  };
}

/** Returns which scopes were sent, for a grant that has none. */
function scopesSent(from: ScopeFacts["from"] | undefined): string {
  if (from === "scopes_supported") return " (it has none, so those that the MCP server lists were sent)";
  return from === "none" ? " (none were sent)" : "";
}

/** The server does not know the resource or audience (RFC 8707 §2, RFC 8693 §2.2.2). */
export function checkTarget({ endpoint: { issuer, presents } }: RejectedRequest): Finding {
  return presents === "identity"
    ? {
        id: "server_not_known_to_idp",
        cause: `The identity provider ${issuer} issues nothing for this server.`,
        remedy: "Register the server there, by its URL, and its authorization server, by its issuer.",
      }
    : {
        id: "resource_not_known",
        cause: `The authorization server ${issuer} issues no tokens for this server.`,
        remedy:
          `Register its URL there as a resource, or ask the operator of ${issuer} which "resource" or "audience" it ` +
          "knows, and set that in the grant.",
        remains: `Register the URL of the server as a resource at ${issuer}.`,
      };
}
