import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { Token } from "../tokens/token.js";
import type { StepUps } from "./step-ups.js";

export interface StepUp {
  /** What the server's 403 or 401 asks for, RFC 6750 §3.1. */
  readonly wanted: readonly string[];
  /** The token that was not enough. */
  readonly token: Token;
  readonly signal: AbortSignal | undefined;
}

/**
 * A token with the scopes that a 403 asks for beside those so far, which from then on are the manager's own;
 * `undefined` when they have been asked for already and there is nothing to be gained.
 *
 * Rejects with `insufficient_scope`, and without a request, when the config does not allow one of them, or leaves them
 * to a server that wants too many. A request that fails leaves the manager's set as it is.
 */
export async function stepUp(
  spec: ServerSpec,
  stepUps: StepUps,
  target: Target | undefined,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  const allowed = allowedScopes(spec, target);
  const beyond = wanted.filter((scope) => !allowed.has(scope));
  if (beyond.length > 0) throw insufficientScope(spec.name, beyond);
  return await widened(spec, stepUps, { wanted, token, signal });
}

async function widened(
  { name }: ServerSpec,
  stepUps: StepUps,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  const wide = await untilAborted(stepUps.widen(wanted), signal, () => abortedError(name));
  return wide.accessToken === token.accessToken ? undefined : wide;
}

/**
 * The same after a 401 that names scopes: those that the config does not allow are ignored, since the server may mean
 * something else. A request that fails gives no token either.
 */
export async function stepUpWithin(
  spec: ServerSpec,
  stepUps: StepUps,
  target: Target | undefined,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  // Where nobody says which scopes there are, the server does so now.
  const isOpen = spec.grant.scopes === undefined && (target?.supportedScopes ?? []).length === 0;
  const allowed = isOpen ? new Set(wanted) : allowedScopes(spec, target);
  const held = new Set(stepUps.held);
  const missing = wanted.filter((scope) => allowed.has(scope) && !held.has(scope));
  if (missing.length === 0) return undefined;
  try {
    return await widened(spec, stepUps, { wanted: missing, token, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    return undefined;
  }
}

/** A config that leaves the scopes to the server means those that it names beforehand. */
function allowedScopes(spec: ServerSpec, target: Target | undefined): ReadonlySet<string> {
  const own = spec.grant.scopes ?? [...(target?.scopes ?? []), ...(target?.supportedScopes ?? [])];
  return new Set([...own, ...spec.stepUp]);
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
