import { unreachable } from "../lib/unreachable.js";
import { secondsApart } from "../net/server-clocks.js";
import { rejectsCredential, type TokenEndpoint } from "./facts.js";
import { type Finding, findingText } from "./finding.js";

/** How a token endpoint rejected a request. */
export interface Rejection {
  readonly status: number;
  /** The `error` of the response (RFC 6749 §5.2), if it is a registered code. */
  readonly oauthError: string | undefined;
}

/** Returns what to do about a rejected token request, as the end of a message. */
export function rejectionAdvice(endpoint: TokenEndpoint, rejection: Rejection): string {
  return rejectionFindings(endpoint, rejection).map(findingText).join(" ");
}

/**
 * Returns what may be wrong, the most urgent finding first. The same `error` of a server means different things,
 * depending on the credential and the grant of the request.
 */
export function rejectionFindings(endpoint: TokenEndpoint, rejection: Rejection): readonly Finding[] {
  const clock = clockFinding(endpoint, rejection);
  const other = findingForCode(endpoint, rejection) ?? findingForStatus(endpoint, rejection);
  return clock === undefined ? [other] : [clock, other];
}

/** The clocks may differ too much: the server then rejects every signature that is made here. */
function clockFinding(endpoint: TokenEndpoint, { status, oauthError }: Rejection): Finding | undefined {
  const { issuer, clockSkew, presents } = endpoint;
  const mayBeClock =
    oauthError === "invalid_client" ||
    oauthError === "invalid_dpop_proof" ||
    (oauthError === "invalid_grant" && presents === "signed_assertion") ||
    rejectsCredential(status);
  if (clockSkew === undefined || !mayBeClock) return undefined;
  return {
    cause:
      `The clock of ${issuer} is ${secondsApart(clockSkew)} the clock of this machine, too much for a signature made ` +
      "here to be valid there.",
    remedy: "Correct the wrong clock first.",
  };
}

function findingForCode(endpoint: TokenEndpoint, { oauthError }: Rejection): Finding | undefined {
  const { issuer, grantType } = endpoint;
  switch (oauthError) {
    case "invalid_client":
      return clientFinding(endpoint);
    case "unauthorized_client":
      return { remedy: `Allow this client the grant type ${grantType} at ${issuer}.` };
    case "unsupported_grant_type":
      return {
        cause: `${serverOf(endpoint)} does not offer the grant type ${grantType}.`,
        remedy: "Enable it there, or use another grant.",
      };
    case "invalid_scope":
      return {
        remedy: `Check the "scopes" of the grant, and which of them the client may request at ${issuer}.`,
      };
    case "invalid_grant":
      return presentedFinding(endpoint) ?? registrationFinding(endpoint);
    // RFC 8693 §2.2.2: servers also reject the subject or actor token with this code.
    case "invalid_request":
      return (
        (mayMeanPresentedToken(endpoint) ? presentedFinding(endpoint) : undefined) ?? requestFinding(endpoint)
      );
    case "invalid_target":
      return targetFinding(endpoint);
    case "access_denied":
      return { remedy: `Check what this client is allowed at ${issuer}.` };
    case "invalid_dpop_proof":
    case "use_dpop_nonce":
      return proofFinding(endpoint, oauthError);
    // With a temporary status, the error would be `unavailable`. With any other, the status says more than the code.
    case "server_error":
    case "temporarily_unavailable":
    case undefined:
      return undefined;
    default:
      return registrationFinding(endpoint);
  }
}

function findingForStatus(endpoint: TokenEndpoint, { status }: Rejection): Finding {
  const { issuer } = endpoint;
  if (rejectsCredential(status)) return clientFinding(endpoint);
  if (status === 404 || status === 405) {
    return {
      cause: `The metadata of ${issuer} names a token endpoint that does not exist.`,
      remedy: `Tell the operator of ${issuer}, or give the client "metadata" with the right token endpoint.`,
    };
  }
  return { remedy: `Check the client's registration at ${issuer}; its log may say more.` };
}

/** The client's id or credential may be wrong (RFC 6749 §5.2, `invalid_client`). */
function clientFinding({ issuer, credential, hasClientId, presents, hasIdDocument }: TokenEndpoint): Finding {
  const client = presents === "identity" ? 'the "idp" client\'s' : "the client's";
  switch (credential) {
    case "secret":
      return { remedy: `Check ${client} "id" and secret, and that it is registered at ${issuer}.` };
    case "key":
      return hasIdDocument === true
        ? {
            remedy:
              `Check that ${issuer} accepts URLs of client id metadata documents as ids and can fetch the one at ` +
              `${client} "id", that the document names the method private_key_jwt and the public half of this key, and ` +
              'that both have the same "kid".',
          }
        : {
            remedy:
              `Check ${client} "id", and that ${issuer} has the public half of this key, with the "kid" that is sent ` +
              '(or set the key\'s "kid" to the registered one, or to false) and for its "alg".',
          };
    case "assertion":
      return {
        remedy:
          `Check ${client} "id", and that ${issuer} trusts the issuer of its "assertion", for its subject and ` +
          "audience and for this client.",
      };
    case "certificate":
      return {
        remedy:
          `Check ${client} "id", and that ${issuer} has this certificate or its subject registered for it and trusts ` +
          "its issuer; a proxy in between may have removed the certificate.",
      };
    case "none":
      return hasClientId
        ? { remedy: `Check ${client} "id", and that ${issuer} accepts it without a credential.` }
        : {
            cause: `${issuer} requires a client id.`,
            remedy: 'Give the client its "id" and, if it has one, its credential.',
          };
    default:
      return unreachable(credential);
  }
}

/** The token or assertion that the request presents may be wrong. Returns `undefined` if it presents none. */
function presentedFinding({ issuer, grantType, presents, idp }: TokenEndpoint): Finding | undefined {
  switch (presents) {
    case "client":
      return undefined;
    case "platform_assertion":
      return {
        cause: "It does not accept the platform's token.",
        remedy:
          `Check that ${issuer} trusts its issuer, for this subject, and that the platform issues it for the audience ` +
          "that is expected there and renews it in time.",
      };
    case "signed_assertion":
      return {
        cause: "It does not accept the assertion.",
        remedy:
          `Check the "issuer", "subject" and "audience" of the grant's "assertion", that ${issuer} has the public half ` +
          'of its key, with the "kid" that is sent, and the clock of this machine.',
      };
    case "subject_token":
      return {
        cause: 'It does not accept the "subject" of the grant, or its "actor".',
        remedy:
          `Check that the token has not expired, that its "type" is right, and that ${issuer} trusts its issuer and ` +
          "allows this client to exchange it.",
      };
    case "params":
      return {
        cause: 'It does not accept the "params" of the grant.',
        remedy:
          `Check that they are those that ${issuer} requires for the grant type ${grantType}, and that their values are ` +
          "right and have not expired.",
      };
    case "refresh_token":
      return {
        cause:
          "It does not accept the refresh token: it has expired, was revoked or used elsewhere, or belongs to another client.",
        remedy: `Get a new one from ${issuer} and put it where the grant's "refreshToken" is read; it replaces the stored one.`,
      };
    case "identity":
      return {
        cause: `The identity provider ${issuer} does not accept the user's token.`,
        remedy:
          'Check that it has not expired (then the user has to sign in again), that its "type" is right, and that it ' +
          'was issued to this client of "idp".',
      };
    case "id_jag":
      return {
        cause: `It does not accept what the identity provider ${idp ?? "of the config"} issued.`,
        remedy:
          `Check that ${issuer} trusts that identity provider, and that the identity provider knows this client by ` +
          'its "id" there.',
      };
    default:
      return unreachable(presents);
  }
}

function mayMeanPresentedToken({ presents }: TokenEndpoint): boolean {
  return presents === "subject_token" || presents === "identity" || presents === "params";
}

/** The client may not be registered for what the grant requests. */
function registrationFinding({ issuer }: TokenEndpoint): Finding {
  return {
    remedy: `Check the client's registration at ${issuer} and the "scopes" of the grant; its log may say more.`,
  };
}

/** Something in the request is missing, superfluous or malformed (RFC 6749 §5.2, `invalid_request`). */
function requestFinding({ issuer }: TokenEndpoint): Finding {
  return {
    remedy:
      `Check the "scopes", "resource", "audience" and "params" of the grant against what ${issuer} expects of this ` +
      "client's registration; its log may say more.",
  };
}

/** The server does not know the resource or audience (RFC 8707 §2, RFC 8693 §2.2.2). */
function targetFinding({ issuer, presents }: TokenEndpoint): Finding {
  return presents === "identity"
    ? {
        cause: `The identity provider ${issuer} issues nothing for this server.`,
        remedy: "Register the server there, by its URL, and its authorization server, by its issuer.",
      }
    : {
        cause: `The authorization server ${issuer} issues no tokens for this server.`,
        remedy:
          'Register its URL there as a resource, or set the "resource" or "audience" of the grant to what is known there.',
      };
}

/** A DPoP proof is missing, or was not accepted (RFC 9449 §5 and §8). */
function proofFinding(endpoint: TokenEndpoint, code: "invalid_dpop_proof" | "use_dpop_nonce"): Finding {
  const server = serverOf(endpoint);
  if (endpoint.presents === "identity") {
    return {
      cause: `${server} requires a DPoP proof, which a request to an identity provider never has.`,
      remedy: "Have this requirement removed for the client.",
    };
  }
  if (!endpoint.dpop) {
    return { cause: `${server} requires a DPoP proof.`, remedy: 'Set "dpop" of this server to true.' };
  }
  return code === "use_dpop_nonce"
    ? {
        cause: `${server} requires a nonce in the DPoP proof, but does not accept the nonce that it sent.`,
        remedy: "Its log may say more.",
      }
    : {
        cause: `${server} does not accept the DPoP proof.`,
        remedy: 'Check the clock of this machine, and the server\'s "dpop" key.',
      };
}

function serverOf({ issuer, presents }: TokenEndpoint): string {
  return `The ${presents === "identity" ? "identity provider" : "authorization server"} ${issuer}`;
}
