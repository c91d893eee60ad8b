import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailure } from "../errors/expected-errors.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { Token } from "../tokens/token.js";
import type { StepUps } from "./step-ups.js";

export interface StepUp {
  /** The scopes that the server's 403 or 401 names (RFC 6750 §3.1). */
  readonly wanted: readonly string[];
  /** The token that the server refused. */
  readonly token: Token;
  readonly signal: AbortSignal | undefined;
}

/**
 * Returns a token that also has the scopes that a 403 names. They become default scopes of the manager. Returns
 * `undefined` if they were requested already.
 *
 * Rejects with `insufficient_scope`, without a request, if the config does not allow one of the scopes, or if it leaves
 * the scopes to a server that wants too many. If the request fails, the default scopes stay as they are.
 */
export async function stepUp(
  spec: ServerSpec,
  stepUps: StepUps,
  target: Target | undefined,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  const allowed = allowedScopes(spec, target);
  const forbidden = wanted.filter((scope) => !allowed.has(scope));
  if (forbidden.length > 0) throw insufficientScope(spec.name, forbidden);
  return await requestWiderToken(spec, stepUps, { wanted, token, signal });
}

async function requestWiderToken(
  { name }: ServerSpec,
  stepUps: StepUps,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  const wider = await untilAborted(stepUps.widen(wanted), signal, () => abortedError(name));
  return wider.accessToken === token.accessToken ? undefined : wider;
}

/**
 * Returns a token that also has the scopes that a 401 names. Ignores scopes that the config does not allow, because the
 * server may refuse the token for another reason. Returns `undefined` if the request fails.
 */
export async function stepUpWithin(
  spec: ServerSpec,
  stepUps: StepUps,
  target: Target | undefined,
  { wanted, token, signal }: StepUp,
): Promise<Token | undefined> {
  // If neither the config nor the metadata names scopes, those of the challenge are allowed.
  const isUnrestricted = spec.grant.scopes === undefined && (target?.supportedScopes ?? []).length === 0;
  const allowed = isUnrestricted ? new Set(wanted) : allowedScopes(spec, target);
  const requested = new Set(stepUps.requestedScopes);
  const missing = wanted.filter((scope) => allowed.has(scope) && !requested.has(scope));
  if (missing.length === 0) return undefined;
  try {
    return await requestWiderToken(spec, stepUps, { wanted: missing, token, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    return ignoreFailure(error);
  }
}

/** Returns the scopes of the config, or those in the metadata if the config leaves them to the server. */
function allowedScopes(spec: ServerSpec, target: Target | undefined): ReadonlySet<string> {
  const defaultScopes = spec.grant.scopes ?? [...(target?.scopes ?? []), ...(target?.supportedScopes ?? [])];
  return new Set([...defaultScopes, ...spec.stepUp]);
}

function insufficientScope(server: string, forbidden: readonly string[]): McpAuthError {
  // The message does not show the names, because the server chose them.
  const [scopes, them] = forbidden.length === 1 ? ["a scope", "it"] : [`${forbidden.length} scopes`, "them"];
  return new McpAuthError(
    "insufficient_scope",
    `Server "${server}" wants ${scopes} that the config does not allow, so no token was requested; the error's ` +
      `\`details\` names ${them}. Add ${them} to the grant's "scopes", or to the server's "stepUp" to ask for ${them} only ` +
      "when the server does.",
    { server, details: { scope: forbidden } },
  );
}
