import { McpAuthError } from "../errors/error.js";
import type { JwtClaims, SigningKey } from "./signing-key.js";

export interface JwtToSign {
  readonly alg: string;
  /** The `typ` of the header, RFC 7519 §5.1. */
  readonly typ: string;
  readonly claims: JwtClaims;
  /** Name of the MCP server it is for, for messages. */
  readonly server: string;
}

/** A signed JWT in compact form, with the key's `kid` in the header unless it has none. Rejects with `key_invalid`. */
export async function signJwt(key: SigningKey, jwt: JwtToSign): Promise<string> {
  const { alg, typ, claims, server } = jwt;
  try {
    return await key.sign({ alg, ...(key.kid === undefined ? {} : { kid: key.kid }), typ }, claims);
  } catch {
    // What the library threw may carry the claims or the key.
    throw new McpAuthError("key_invalid", `Server "${server}": the private key cannot sign with ${alg}.`, {
      server,
    });
  }
}
