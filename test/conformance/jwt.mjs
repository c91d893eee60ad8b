/** Returns the header of a JWT; empty if it is not a JWT. */
export function headerOf(jwt) {
  return part(jwt, 0);
}

/** Returns the unverified claims of a JWT; empty if it is not a JWT. */
export function claimsOf(jwt) {
  return part(jwt, 1);
}

function part(jwt, index) {
  try {
    return JSON.parse(Buffer.from(jwt.split(".")[index], "base64url").toString()) ?? {};
  } catch {
    return {};
  }
}
