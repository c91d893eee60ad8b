/** The header of a JWT; empty when it is none. */
export function headerOf(jwt) {
  return part(jwt, 0);
}

/** The claims of a JWT, which nobody has verified; empty when it is none. */
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
