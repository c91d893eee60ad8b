import type { TokenManager } from "../index.js";
import { internalsOf } from "../runtime/manager-internals.js";

/**
 * Returns what to do after the refresh token of a server was deleted, for people; `undefined` if nobody has to sign in
 * for that server.
 */
export function signInAgain(manager: TokenManager, signal: AbortSignal): string | undefined {
  const { grant } = internalsOf(manager).attempt({ signal }).spec;
  if (grant.type !== "refresh_token" || grant.refreshToken !== undefined) return undefined;
  return `To use it again, sign in: npx mcp-auth-runtime login ${manager.name}`;
}
