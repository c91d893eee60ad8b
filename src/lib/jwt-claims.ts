import { type JsonObject, parseJsonObject } from "./json-object.js";

/** Longer than this many characters, a token is not looked into. */
const longestToken = 65_536;

/**
 * The claims of a JWT in compact form, RFC 7515 §7.1; `undefined` for what is none. Nothing is verified: the token is
 * for the server that it is sent to.
 */
export function jwtClaims(token: string): JsonObject | undefined {
  if (token.length > longestToken) return undefined;
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? [];
  return payload === undefined
    ? undefined
    : parseJsonObject(Buffer.from(payload, "base64url").toString("utf8"));
}
