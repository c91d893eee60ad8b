import { secondsApart } from "../net/server-clocks.js";
import { refusesCredential } from "./refuses-credential.js";
import type { TokenEndpoint } from "./token-endpoint.js";

interface Refused {
  readonly status: number;
  readonly oauthError: string | undefined;
}

/** What to do about a refused token request: what it was made with decides what the server may have meant. */
export function rejectionAdvice(endpoint: TokenEndpoint, refused: Refused): string {
  return clockAdvice(endpoint, refused) + otherAdvice(endpoint, refused);
}

/** For what we signed in a time that is far from the server's, and that it refuses. */
function clockAdvice(endpoint: TokenEndpoint, { status, oauthError }: Refused): string {
  const { issuer, clockSkew, presents } = endpoint;
  const isRefused =
    oauthError === "invalid_client" ||
    oauthError === "invalid_dpop_proof" ||
    (oauthError === "invalid_grant" && presents === "signed_assertion") ||
    refusesCredential(status);
  if (clockSkew === undefined || !isRefused) return "";
  return (
    `The clock of ${issuer} is ${secondsApart(clockSkew)} the clock of this machine, which is too much for what is signed here ` +
    "to be valid there: correct the one that is wrong first. "
  );
}

function otherAdvice(endpoint: TokenEndpoint, { status, oauthError }: Refused): string {
  const { issuer, grantType } = endpoint;
  switch (oauthError) {
    case "invalid_client":
      return clientAdvice(endpoint);
    case "unauthorized_client":
      return `Allow this client the grant type ${grantType} at ${issuer}.`;
    case "unsupported_grant_type":
      return `${server(endpoint)} does not offer the grant type ${grantType}. Have it switched on there, or use another grant.`;
    case "invalid_scope":
      return `Check the "scopes" of the grant, and which of them the client may ask for at ${issuer}.`;
    case "invalid_grant":
      return presentedAdvice(endpoint) ?? registrationAdvice(endpoint);
    // RFC 8693 §2.2.2: this is also how a server refuses the subject or actor token.
    case "invalid_request":
      return (refusesTokensSo(endpoint) ? presentedAdvice(endpoint) : undefined) ?? requestAdvice(endpoint);
    case "invalid_target":
      return targetAdvice(endpoint);
    case "access_denied":
      return `Check what this client is allowed at ${issuer}.`;
    case "invalid_dpop_proof":
    case "use_dpop_nonce":
      return proofAdvice(endpoint, oauthError);
    // With another status these would be `unavailable`: here the status says more than the code.
    case "server_error":
    case "temporarily_unavailable":
    case undefined:
      break;
    default:
      return registrationAdvice(endpoint);
  }
  if (refusesCredential(status)) return clientAdvice(endpoint);
  if (status === 404 || status === 405)
    return `The metadata of ${issuer} names a token endpoint that is not there.`;
  return `Check the client's registration at ${issuer}; its log may say more.`;
}

function server({ issuer, presents }: TokenEndpoint): string {
  return `The ${presents === "identity" ? "identity provider" : "authorization server"} ${issuer}`;
}

function refusesTokensSo({ presents }: TokenEndpoint): boolean {
  return presents === "subject_token" || presents === "identity";
}

function registrationAdvice({ issuer }: TokenEndpoint): string {
  return `Check the client's registration at ${issuer} and the "scopes" of the grant; its log may say more.`;
}

/** RFC 6749 §5.2: something in the request is missing, too much or malformed. */
function requestAdvice({ issuer }: TokenEndpoint): string {
  return (
    `Check the "scopes", "resource", "audience" and "params" of the grant against what ${issuer} expects of this ` +
    "client's registration; its log may say more."
  );
}

/** For a refusal of what the request presents beside the client's own credential. */
function presentedAdvice({ issuer, presents, idp }: TokenEndpoint): string | undefined {
  switch (presents) {
    case "client":
      return undefined;
    case "platform_assertion":
      return (
        `It does not take the platform's token. Check that ${issuer} trusts who issues it, for this subject, and that ` +
        "the platform issues it for the audience that is expected there and renews it in time."
      );
    case "signed_assertion":
      return (
        `It does not take the assertion. Check the "issuer", "subject" and "audience" of the grant's "assertion", that ` +
        `${issuer} has the public half of its key, with the "kid" that is sent, and the clock of this machine.`
      );
    case "subject_token":
      return (
        'It does not take the "subject" of the grant, or its "actor". Check that the token has not expired, that its ' +
        `"type" is right, and that ${issuer} trusts who issued it and lets this client exchange it.`
      );
    case "refresh_token":
      return (
        `It does not take the refresh token: that has expired, was revoked or used elsewhere, or is another client's. Get a ` +
        `new one from ${issuer} and put it where the grant's "refreshToken" is read; it takes the place of what is stored.`
      );
    case "identity":
      return (
        `The identity provider ${issuer} does not take the user's token. Check that it has not expired (then the user ` +
        'has to sign in again), that its "type" is right, and that it was issued to this client of "idp".'
      );
    case "id_jag":
      return (
        `It does not take what the identity provider ${idp ?? "of the config"} has issued. Check that ${issuer} trusts ` +
        'that identity provider, and that the identity provider knows this client by its "id" there.'
      );
  }
}

/** RFC 8707 §2, RFC 8693 §2.2.2. */
function targetAdvice({ issuer, presents }: TokenEndpoint): string {
  if (presents === "identity") {
    return (
      `The identity provider ${issuer} issues nothing for this server: register the server, by its URL, and its ` +
      "authorization server, by its issuer, there."
    );
  }
  return (
    `The authorization server ${issuer} issues no tokens for this server: register its URL there as a resource, or ` +
    'set the "resource" or "audience" of the grant to what is known there.'
  );
}

/** RFC 9449 §5 and §8. */
function proofAdvice({ issuer, presents, dpop }: TokenEndpoint, oauthError: string): string {
  if (presents === "identity") {
    return `The identity provider ${issuer} wants a DPoP proof, which is of no use there: have that switched off for this client.`;
  }
  if (!dpop)
    return `The authorization server ${issuer} wants a DPoP proof: set "dpop" of this server to true.`;
  return oauthError === "use_dpop_nonce"
    ? `The authorization server ${issuer} wants a nonce in the DPoP proof, and gives none that it then takes; its log may say more.`
    : `The authorization server ${issuer} does not take the DPoP proof. Check the clock of this machine, and the server's "dpop" key.`;
}

function clientAdvice({ issuer, credential, identified, presents, hasDocument }: TokenEndpoint): string {
  const client = presents === "identity" ? 'the "idp" client\'s' : "the client's";
  if (hasDocument === true && credential === "key") {
    return (
      `Check that ${issuer} takes the addresses of client id metadata documents as ids and can fetch the one at ${client} ` +
      '"id", that the document names the method private_key_jwt and the public half of this key, and that the "kid" of both agree.'
    );
  }
  switch (credential) {
    case "secret":
      return `Check ${client} "id" and secret, and that it is registered at ${issuer}.`;
    case "key":
      return (
        `Check ${client} "id", and that ${issuer} has the public half of this key: with the "kid" that is sent ` +
        '(or set the key\'s "kid" to the registered one, or to false), and for its "alg".'
      );
    case "assertion":
      return (
        `Check ${client} "id", and that ${issuer} trusts who issues its "assertion", for its subject and audience ` +
        "and for this client."
      );
    case "certificate":
      return (
        `Check ${client} "id", and that ${issuer} has this certificate or its subject registered for it and ` +
        "trusts who issued it; a proxy in between may have taken it off."
      );
    case "none":
      return identified
        ? `Check ${client} "id", and that ${issuer} takes it without a credential.`
        : `${issuer} wants to know which client asks: give the client its "id" and, if it has one, its credential.`;
  }
}
