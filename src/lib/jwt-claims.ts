import { type JsonObject, parseJsonObject } from "./json-object.js";

/** Characters. A longer token is not parsed. */
const longestToken = 65_536;

/**
 * Returns the claims of a JWT in compact form (RFC 7515 §7.1); `undefined` for any other text. Nothing is verified:
 * only the server that receives the token can judge it.
 */
export function jwtClaims(token: string): JsonObject | undefined {
  if (token.length > longestToken) return undefined;
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? [];
  return payload === undefined
    ? undefined
    : parseJsonObject(Buffer.from(payload, "base64url").toString("utf8"));
}
