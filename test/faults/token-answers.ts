// Token responses that are correct except for some members.
import { sendJson } from "../support/http-server.js";
import { type Answer, answered } from "./bad-answers.js";
import type { AuthorizationFault } from "./fault.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

export type Members = Readonly<Record<string, unknown>>;
type Change = Members | ((world: AuthorizationWorld) => Members);

/** A correct token response, except for these members; `undefined` leaves one out. */
function responseWith(change: Change): Answer {
  return (world, response) => {
    const good = { access_token: world.issue(), token_type: "Bearer", expires_in: world.issuer.lifetime };
    sendJson(response, { ...good, ...(typeof change === "function" ? change(world) : change) });
  };
}

/** A row with a token response that cannot be used. */
export function unusable(name: string, change: Change): AuthorizationFault {
  return answered({ name, sees: "token_response_invalid", requests: 1 }, responseWith(change));
}

/** A row with a token response that is unusual, but can be used. */
export function usable(
  name: string,
  change: Change,
  more: Partial<AuthorizationFault> = {},
): AuthorizationFault {
  return answered({ name, sees: "a token", requests: 1, ...more }, responseWith(change));
}

/** From now on, each token response has these members. */
export function answerWith(world: FaultWorld, members: () => Members): void {
  world.issuer.answer("token", (_request, response) =>
    sendJson(response, { access_token: world.issue(), token_type: "Bearer", expires_in: 600, ...members() }),
  );
}

/** Returns the parameters of all token requests. */
export function tokenRequests({ issuer }: FaultWorld): readonly URLSearchParams[] {
  return issuer.requests
    .filter(({ method }) => method === "POST")
    .map(({ body }) => new URLSearchParams(body));
}

/** Whether a warning was emitted. */
export function hasWarned({ seen }: FaultWorld): boolean {
  return seen.some((text) => text.includes("token:warning"));
}
