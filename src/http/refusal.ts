import { tokenChallenges } from "../discovery/challenge.js";
import { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { isSameResource } from "./closest-server.js";
import { discard } from "./discard.js";
import type { Outgoing } from "./outgoing.js";
import { proofErrors } from "./proof-errors.js";

/** How often one call may go on with another token: an end to every loop, whatever the server answers. */
export interface Budget {
  rejections: number;
  /** Of tokens that other processes have asked for. */
  sharedRejections: number;
  stepUps: number;
}

export const fullBudget: Readonly<Budget> = { rejections: 1, sharedRejections: 1, stepUps: 3 };

/** A request that the server answered with 401 or 403. */
interface Refusal {
  readonly outgoing: Outgoing;
  readonly url: URL;
  readonly token: Token;
  readonly response: Response;
}

/**
 * Another token to send the request with, `undefined` when the response is the answer. Rejects with the codes of
 * `getAccessToken`, and with `insufficient_scope`; the response is freed then.
 */
export async function tokenAfter(
  authorizer: Authorizer,
  refusal: Refusal,
  budget: Budget,
): Promise<Token | undefined> {
  return refusal.response.status === 401
    ? await afterUnauthorized(authorizer, refusal, budget)
    : await afterForbidden(authorizer, refusal, budget);
}

async function afterUnauthorized(
  authorizer: Authorizer,
  refusal: Refusal,
  budget: Budget,
): Promise<Token | undefined> {
  const { outgoing, url, token, response } = refusal;
  // The token is as good as before: another one would meet the same.
  if (token.binding?.prover !== undefined && proofErrors(response).length > 0) return undefined;
  authorizer.rejected(token, response, url);
  if (!outgoing.replayable) return undefined;
  // That others' token is no good says nothing of one of our own.
  if (token.isShared && budget.sharedRejections > 0) budget.sharedRejections -= 1;
  else if (budget.rejections > 0) budget.rejections -= 1;
  else return undefined;
  return await another(refusal, () => authorizer.token(outgoing.signal));
}

async function afterForbidden(
  authorizer: Authorizer,
  refusal: Refusal,
  budget: Budget,
): Promise<Token | undefined> {
  const { outgoing, token } = refusal;
  if (budget.stepUps === 0 || !outgoing.replayable) return undefined;
  const scopes = missingScopes(authorizer, refusal);
  if (scopes === undefined) return undefined;
  budget.stepUps -= 1;
  return await another(refusal, async () => await authorizer.stepUp?.(scopes, token, outgoing.signal));
}

/** The scopes that the server says it wants, RFC 6750 §3.1. */
function missingScopes(
  { url: server }: Authorizer,
  { url, token, response }: Refusal,
): readonly string[] | undefined {
  // Another path of the same origin, or another query, may be another resource; what it asks for is not for us.
  if (!isSameResource(url, server)) return undefined;
  const { headers } = response;
  const own = token.binding?.prover === undefined ? "Bearer" : "DPoP";
  const challenges = [
    ...tokenChallenges(headers, own),
    ...tokenChallenges(headers, own === "DPoP" ? "Bearer" : "DPoP"),
  ];
  return challenges.find(({ error, scopes }) => error === "insufficient_scope" && scopes !== undefined)
    ?.scopes;
}

/** What `get` gives, if it is another token than the one that was refused. */
async function another(
  { token, response }: Refusal,
  get: () => Promise<Token | undefined>,
): Promise<Token | undefined> {
  try {
    const next = await get();
    return next?.accessToken === token.accessToken ? undefined : next;
  } catch (error) {
    // After `stop()` there will be no other: what the server said is what is left to say.
    if (error instanceof McpAuthError && error.code === "stopped") return undefined;
    discard(response);
    throw error;
  }
}
