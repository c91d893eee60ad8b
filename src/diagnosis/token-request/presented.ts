import { unreachable } from "../../lib/unreachable.js";
import type { Presented, RejectedRequest, TokenEndpoint } from "../facts.js";
import type { Finding } from "../finding.js";
import { isAbout } from "./clues.js";
import {
  algorithmTrials,
  audienceInWords,
  audienceTrials,
  kidInWords,
  kidTrials,
  otherKidInWords,
  serverOf,
} from "./names.js";

/** The token or assertion that the request presents may be wrong. Returns `undefined` if it presents none. */
export function checkPresented(request: RejectedRequest): Finding | undefined {
  return (isAbout(request.rejection, "expired") ? checkExpired(request) : undefined) ?? checkAny(request);
}

function checkAny(request: RejectedRequest): Finding | undefined {
  const { issuer, grantType, presents, idp, hasActor } = request.endpoint;
  switch (presents) {
    case "client":
      return undefined;
    case "platform_assertion":
      return {
        id: "platform_token",
        cause: `${serverOf(request.endpoint)} does not accept the platform's token.`,
        remedy:
          `Check that ${issuer} trusts its issuer, for this subject, and that the platform issues it for the audience ` +
          "that is expected there and renews it in time.",
      };
    case "signed_assertion":
      return checkSigned(request);
    case "user_assertion":
      return {
        id: "user_assertion",
        cause: `${serverOf(request.endpoint)} does not accept the user's token that was passed to \`for()\`.`,
        remedy:
          "Check that the token has not expired, that it was issued for this client (its audience), and that " +
          `${issuer} allows this client to act for users.`,
      };
    case "subject_token":
      return {
        id: "subject_token",
        cause: `${serverOf(request.endpoint)} does not accept the "subject" of the grant${hasActor === true ? ', or its "actor"' : ""}.`,
        remedy:
          `Check that the token has not expired, that its "type" is right, and that ${issuer} trusts its issuer and ` +
          "allows this client to exchange it.",
      };
    case "params":
      return {
        id: "params",
        cause: `${serverOf(request.endpoint)} does not accept the "params" of the grant.`,
        remedy:
          `Check that they are those that ${issuer} requires for the grant type ${grantType}, and that their values are ` +
          "right and have not expired.",
      };
    case "refresh_token":
      return {
        id: "refresh_token",
        cause:
          `${serverOf(request.endpoint)} does not accept the refresh token: it has expired, was revoked or used elsewhere, or belongs to ` +
          "another client.",
        remedy: renewRefreshToken(request.endpoint),
      };
    case "identity":
      return {
        id: "identity",
        cause: `${serverOf(request.endpoint)} does not accept the user's token.`,
        remedy:
          'Check that it has not expired (then the user has to sign in again), that its "type" is right, and that it ' +
          'was issued to this client of "idp".',
      };
    case "id_jag":
      return {
        id: "id_jag",
        cause: `${serverOf(request.endpoint)} does not accept what the identity provider ${idp ?? "of the config"} issued.`,
        remedy:
          `Check that ${issuer} trusts that identity provider, and that the identity provider knows this client by ` +
          'its "id" there.',
      };
    default:
      return unreachable(presents);
  }
}

/** Says how to get another refresh token. */
export function renewRefreshToken({ issuer, server, isFromLogin }: TokenEndpoint): string {
  return isFromLogin === true
    ? `Sign in again: npx mcp-auth-runtime login ${server}`
    : `Get a new one from ${issuer} and put it where the grant's "refreshToken" is read; it replaces the stored one.`;
}

/** The assertion that we signed. */
function checkSigned({ endpoint: { issuer, sent }, rejection }: RejectedRequest): Finding {
  const id = "signed_assertion";
  const assertion = sent?.assertion;
  const kid = kidInWords(assertion);
  const ofKid = kidTrials({ place: "assertion_key" }, assertion);
  const ofAudience = audienceTrials(assertion);
  const ofAlgorithm = algorithmTrials({ place: "assertion_key" }, assertion);
  if (isAbout(rejection, "audience")) {
    const audience = assertion === undefined ? "" : ` (the assertion was for ${audienceInWords(assertion)})`;
    const remedy = `Set the "audience" of the grant's "assertion" to the one that ${issuer} expects${audience}.`;
    return { id, remedy, trials: ofAudience };
  }
  if (isAbout(rejection, "key")) {
    return {
      ...{ id, trials: ofKid },
      remedy:
        `Register the public half of the key of the grant's "assertion" (npx mcp-auth-runtime keys jwks prints it) ` +
        `at ${issuer}, with ${kid}. ` +
        otherKidInWords(assertion),
    };
  }
  const trials = [...ofKid, ...ofAudience, ...ofAlgorithm];
  const facts =
    assertion === undefined ? "" : ` (sent for ${audienceInWords(assertion)}, signed with ${assertion.alg})`;
  const otherKid = assertion !== undefined && assertion.kid === undefined ? "" : ", or to false to send none";
  const checks =
    `Check the "issuer", "subject" and "audience" of the grant's "assertion"${facts}. Check that ${issuer} has the ` +
    `public half of its key (npx mcp-auth-runtime keys jwks prints it), with ${kid} (or set the key's "kid" to the ` +
    "registered one";
  return { id, trials, remedy: `${checks}${otherKid}).`, remains: `${checks}).` };
}

/** The server says that the token has expired. Returns `undefined` for one that does not expire in this way. */
function checkExpired({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { presents, isForUser } = endpoint;
  switch (presents) {
    case "subject_token": {
      const token = isAbout(rejection, "actor") ? "actor" : "subject";
      return {
        id: "subject_token",
        cause: `The ${token} token has expired.`,
        remedy:
          token === "subject" && isForUser === true
            ? "Pass a new one to `for()`."
            : `Put a new one where the "${token}" of the grant is read.`,
      };
    }
    case "user_assertion":
      return {
        id: "user_assertion",
        cause: "The user's token that was passed to `for()` has expired.",
        remedy: "Pass a new one; the user may have to sign in again.",
      };
    case "identity":
      return {
        id: "identity",
        cause: "The user's token has expired.",
        remedy: "Pass a new one; the user may have to sign in again.",
      };
    case "platform_assertion":
      return {
        id: "platform_token",
        cause: "The platform's token has expired.",
        remedy: "Let the platform renew it in time, and check that the config reads the renewed one.",
      };
    case "params":
      return {
        id: "params",
        cause: 'A value in the "params" of the grant has expired.',
        remedy: "Put a new one where the config reads it.",
      };
    default:
      return undefined;
  }
}

const exchanged: ReadonlySet<Presented> = new Set(["subject_token", "identity", "params"]);

/** RFC 8693 §2.2.2: servers also reject the subject or actor token with `invalid_request`. */
export function checkExchangedToken(request: RejectedRequest): Finding | undefined {
  return exchanged.has(request.endpoint.presents) ? checkPresented(request) : undefined;
}
