import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { ScopeSets } from "./scope-sets.js";

export interface StepUp {
  /** What the server's 403 asks for, RFC 6750 §3.1. */
  readonly wanted: readonly string[];
  /** The token that was not enough. */
  readonly token: Token;
  readonly signal: AbortSignal | undefined;
}

/** More than any server has, and an end to a set to which a server adds with each challenge. */
const mostScopes = 256;

/**
 * A token with the scopes that a 403 asks for beside those so far, which from then on are the manager's own;
 * `undefined` when they have been asked for already and there is nothing to be gained.
 *
 * Rejects with `insufficient_scope`, and without a request, when the config does not allow one of them, or leaves them
 * to a server that wants too many. A request that fails leaves the manager's set as it is.
 */
export async function stepUp(
  spec: ServerSpec,
  sets: ScopeSets,
  target: Target | undefined,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  const { scopes: configured } = spec.grant;
  // Whoever leaves the scopes to the server means those that it says beforehand.
  const own = configured ?? [...(target?.scopes ?? []), ...(target?.supportedScopes ?? [])];
  const allowed = new Set([...own, ...spec.stepUp]);
  const beyond = wanted.filter((scope) => !allowed.has(scope));
  if (beyond.length > 0) throw insufficientScope(spec.name, beyond);
  for (;;) {
    const before = sets.own;
    const held = sets.scopes ?? target?.scopes ?? [];
    const union = [...new Set([...held, ...wanted])];
    if (union.length === new Set(held).size) {
      // Another call may have been here before, with this token or an earlier one.
      const current = await before.getToken({ reason: "demand", signal });
      return current.accessToken === token.accessToken ? undefined : current;
    }
    if (configured === undefined && union.length > mostScopes) throw tooManyScopes(spec.name);
    const widened = await sets.of(union).getToken({ reason: "demand", signal });
    // Unless another call has widened the set meanwhile, and the two belong together.
    if (sets.own === before) {
      sets.adopt(union);
      return widened;
    }
  }
}

function tooManyScopes(server: string): McpAuthError {
  return new McpAuthError(
    "insufficient_scope",
    `Server "${server}" has asked for more than ${mostScopes} scopes, so no token was asked for. Write those that it ` +
      'needs into the grant\'s "scopes".',
    { server },
  );
}

function insufficientScope(server: string, beyond: readonly string[]): McpAuthError {
  // The server has chosen their names.
  const [scopes, them] = beyond.length === 1 ? ["a scope", "it"] : [`${beyond.length} scopes`, "them"];
  return new McpAuthError(
    "insufficient_scope",
    `Server "${server}" wants ${scopes} that the config does not allow, so no token was asked for; the error's ` +
      `\`details\` names ${them}. Add ${them} to the grant's "scopes", or to the server's "stepUp" to ask for ${them} only ` +
      "when the server does.",
    { server, details: { scope: beyond } },
  );
}
