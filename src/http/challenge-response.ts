import { type ServerChallenge, tokenChallenges } from "../discovery/challenge.js";
import { McpAuthError } from "../errors/error.js";
import { unreachable } from "../lib/unreachable.js";
import { discard } from "../net/discard.js";
import type { Replacement } from "../tokens/refused-tokens.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { isSameResource } from "./closest-server.js";
import { proofErrors } from "./proof-errors.js";
import type { ReplayableRequest } from "./replayable-request.js";
import { requestKind } from "./request-kind.js";

/** How one call has handled refusals so far. Its limits end every loop, whatever the server answers. */
export interface CallHistory {
  /** How often the request may still be sent with a token that another call has obtained. */
  othersLeft: number;
  /**
   * How many new tokens of other processes may still be refused. The call goes on after such a refusal, because a token
   * that this process requests may be accepted.
   */
  sharedLeft: number;
  /** How many step-ups after a 403 remain. */
  stepUpsLeft: number;
  /** The token request that brought the last token. */
  replacement: Replacement | undefined;
  /** A step-up has followed a 401. Another 401 is returned to the caller. */
  hasSteppedUp: boolean;
}

export function newHistory(): CallHistory {
  return { othersLeft: 3, sharedLeft: 1, stepUpsLeft: 3, replacement: undefined, hasSteppedUp: false };
}

/** A request that the server answered with 401 or 403. */
interface Refusal {
  readonly request: ReplayableRequest;
  readonly url: URL;
  readonly token: Token;
  readonly response: Response;
  /** The token request that was in flight when this request was sent. */
  readonly pending: object | undefined;
}

/**
 * Returns another token to send the request with, `undefined` if the caller gets the response. Rejects with `aborted`,
 * and after a 403 with `insufficient_scope` and the codes of `getAccessToken`; then it also discards the response.
 */
export async function tokenAfter(
  authorizer: Authorizer,
  refusal: Refusal,
  history: CallHistory,
): Promise<Token | undefined> {
  const { status } = refusal.response;
  // RFC 9470 §3 asks for stronger authentication of a user. No token for a machine has it.
  if (challengesOf(refusal).some(({ error }) => error === "insufficient_user_authentication"))
    return undefined;
  const refusesToken =
    status === 401 ||
    (status === 403 && challengesOf(refusal).some(({ error }) => error === "invalid_token"));
  return refusesToken
    ? await afterRefusedToken(authorizer, refusal, history)
    : await afterForbidden(authorizer, refusal, history);
}

async function afterRefusedToken(
  authorizer: Authorizer,
  refusal: Refusal,
  history: CallHistory,
): Promise<Token | undefined> {
  const { request, url, token, response, pending } = refusal;
  // The server refuses the proof, not the token.
  if (token.binding?.dpopSigner !== undefined && proofErrors(response).length > 0) return undefined;
  if (history.hasSteppedUp) {
    await authorizer.explainRefusal(refusal);
    return undefined;
  }
  authorizer.noteChallenge(refusal);
  const call = { token, kind: requestKind(request, url), signal: request.signal, pending };
  if (!request.replayable) {
    authorizer.replaceForOthers(call);
    return undefined;
  }
  const { replacement } = history;
  history.replacement = undefined;
  if (replacement !== undefined && !(token.isShared && history.sharedLeft > 0)) {
    const current = replacement.failed(call.kind);
    if (current !== undefined && current.accessToken !== token.accessToken && history.othersLeft > 0) {
      history.othersLeft -= 1;
      return current;
    }
    return await afterNewTokenRefused(authorizer, refusal, history);
  }
  if (replacement !== undefined) history.sharedLeft -= 1;
  const next = await unlessStopped(refusal, authorizer.replace(call));
  switch (next?.kind) {
    case "resend":
      if (next.replacement === undefined) history.othersLeft -= 1;
      history.replacement = next.replacement;
      return history.othersLeft < 0 ? undefined : next.token;
    case "same":
      return await afterNewTokenRefused(authorizer, refusal, history);
    case "none":
    case undefined:
      return undefined;
    default:
      return unreachable(next);
  }
}

/** A new token did not help. If the 401 names scopes (RFC 6750 §3.1), requests a token that has them. */
async function afterNewTokenRefused(
  authorizer: Authorizer,
  refusal: Refusal,
  history: CallHistory,
): Promise<Token | undefined> {
  const { request, token } = refusal;
  const scopes = namedScopes(authorizer, refusal);
  if (scopes !== undefined) {
    const next = await unlessStopped(refusal, authorizer.stepUpWithin?.(scopes, token, request.signal));
    history.hasSteppedUp = true;
    if (next !== undefined && next.accessToken !== token.accessToken) return next;
  }
  await authorizer.explainRefusal(refusal);
  return undefined;
}

async function afterForbidden(
  authorizer: Authorizer,
  refusal: Refusal,
  history: CallHistory,
): Promise<Token | undefined> {
  const { request, token } = refusal;
  if (history.stepUpsLeft === 0 || !request.replayable) return undefined;
  const scopes = namedScopes(authorizer, refusal, "insufficient_scope");
  if (scopes === undefined) return undefined;
  history.stepUpsLeft -= 1;
  const next = await unlessStopped(refusal, authorizer.stepUp?.(scopes, token, request.signal));
  return next?.accessToken === token.accessToken ? undefined : next;
}

/**
 * Returns the scopes of the first challenge that names any (RFC 6750 §3.1). With `error`, only challenges with that
 * error count.
 */
function namedScopes(
  { url: server }: Authorizer,
  refusal: Refusal,
  error?: string,
): readonly string[] | undefined {
  // Another path of the same origin, or another query, may be another resource. Its scopes do not concern this server.
  if (!isSameResource(refusal.url, server)) return undefined;
  const matches = (challenge: ServerChallenge): boolean => error === undefined || challenge.error === error;
  return challengesOf(refusal).find((challenge) => matches(challenge) && challenge.scopes !== undefined)
    ?.scopes;
}

/** Returns all challenges. Those for the scheme of the sent token come first. */
function challengesOf({ token, response: { headers } }: Refusal): readonly ServerChallenge[] {
  const scheme = token.binding?.dpopSigner === undefined ? "Bearer" : "DPoP";
  const otherScheme = scheme === "DPoP" ? "Bearer" : "DPoP";
  return [...tokenChallenges(headers, scheme), ...tokenChallenges(headers, otherScheme)];
}

/** Waits for another token. After `stop()` there is none, and the caller gets the response of the server. */
async function unlessStopped<T>({ response }: Refusal, next: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await next;
  } catch (error) {
    if (error instanceof McpAuthError && error.code === "stopped") return undefined;
    discard(response);
    throw error;
  }
}
