import type { CheckContext, Report } from "./check-context.js";
import type { Json, Path } from "./json.js";

const urn = "urn:ietf:params:oauth:grant-type:";

/** Checks the `grantType` of a grant of type `extension`. */
export function checkGrantType(grant: Json | undefined, path: Path, context: CheckContext): void {
  const grantType = context.resolvedText(grant, path, "grantType");
  const problem = grantType === undefined ? undefined : findGrantTypeProblem(grantType);
  if (problem !== undefined) context.report([...path, "grantType"], problem);
}

function findGrantTypeProblem(grantType: string): Report | undefined {
  switch (grantType) {
    case "client_credentials":
    case "refresh_token":
      return hasOwnType(grantType);
    case "jwt_bearer":
    case `${urn}jwt-bearer`:
      return hasOwnType("jwt_bearer");
    case "token_exchange":
    case `${urn}token-exchange`:
      return hasOwnType("token_exchange");
    case "authorization_code":
    case "device_code":
    case `${urn}device_code`:
    case "urn:openid:params:grant-type:ciba":
      return needsPerson;
    case "password":
      return needsPassword;
    default:
      return undefined;
  }
}

function hasOwnType(type: string): Report {
  return { message: "This grant has a type of its own", hint: `Write { "type": "${type}" }` };
}

const needsPerson = {
  message: "This grant needs a person who signs in for each token",
  hint: 'If a person has signed in once, use the refresh token: { "type": "refresh_token" }',
};

const needsPassword = {
  message: "This grant needs the password of a person, and must not be used (RFC 9700 §2.4)",
  hint: 'Register a client for the agent and use { "type": "client_credentials" }',
};
