import { withoutCredentials } from "../../errors/sent-credentials.js";
import { jwtClaims } from "../../lib/jwt-claims.js";

/** The person who signed in. All texts are those of the server. */
export interface SignedInUser {
  readonly subject?: string;
  readonly name?: string;
  readonly email?: string;
}

/** Characters. */
const longest = 200;

/**
 * Returns who signed in, as the server says: from an ID token that its issuer made for this client, else from the
 * subject of an access token that is a JWT. The signature is not verified: the tokens come directly from their issuer
 * over TLS (OpenID Connect Core §3.1.3.7, point 6), and nothing is decided by them. Credentials in them are replaced. Returns `undefined` if the server
 * does not say it.
 */
export function signedInUser(
  { id_token, access_token }: { readonly id_token?: unknown; readonly access_token?: unknown },
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string | undefined },
): SignedInUser | undefined {
  const identity = typeof id_token === "string" ? jwtClaims(id_token) : undefined;
  const audiences: readonly unknown[] = [identity?.["aud"]].flat();
  if (identity?.["iss"] === issuer && clientId !== undefined && audiences.includes(clientId)) {
    const name = textOf(identity["name"]) ?? textOf(identity["preferred_username"]);
    const [subject, email] = [textOf(identity["sub"]), textOf(identity["email"])];
    return {
      ...(subject !== undefined && { subject }),
      ...(name !== undefined && { name }),
      ...(email !== undefined && { email }),
    };
  }
  const subject = textOf(typeof access_token === "string" ? jwtClaims(access_token)?.["sub"] : undefined);
  return subject === undefined ? undefined : { subject };
}

function textOf(claim: unknown): string | undefined {
  if (typeof claim !== "string" || claim === "") return undefined;
  return withoutCredentials(claim.slice(0, 2 * longest)).slice(0, longest);
}
