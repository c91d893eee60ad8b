// Answers of a token endpoint that are good but for some of their members.
import { sendJson } from "../support/http-server.js";
import { type Answer, answered } from "./bad-answers.js";
import type { AuthorizationFault } from "./fault.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

export type Members = Readonly<Record<string, unknown>>;
type Change = Members | ((world: AuthorizationWorld) => Members);

/** A good answer, but for these members; `undefined` leaves one out. */
function changed(change: Change): Answer {
  return (world, response) => {
    const good = { access_token: world.issue(), token_type: "Bearer", expires_in: world.issuer.lifetime };
    sendJson(response, { ...good, ...(typeof change === "function" ? change(world) : change) });
  };
}

/** An answer that brings nobody a token. */
export function unusable(name: string, change: Change): AuthorizationFault {
  return answered({ name, sees: "token_response_invalid", requests: 1 }, changed(change));
}

/** An answer that is strange, and does. */
export function usable(
  name: string,
  change: Change,
  more: Partial<AuthorizationFault> = {},
): AuthorizationFault {
  return answered({ name, sees: "a token", requests: 1, ...more }, changed(change));
}

/** From now on each answer is good but for these members. */
export function answerWith(world: FaultWorld, members: () => Members): void {
  world.issuer.answer("token", (_request, response) =>
    sendJson(response, { access_token: world.issue(), token_type: "Bearer", expires_in: 600, ...members() }),
  );
}

/** What the token endpoint was sent. */
export function tokenRequests({ issuer }: FaultWorld): readonly URLSearchParams[] {
  return issuer.requests
    .filter(({ method }) => method === "POST")
    .map(({ body }) => new URLSearchParams(body));
}

/** Whether somebody was told that something is off. */
export function hasWarned({ seen }: FaultWorld): boolean {
  return seen.some((text) => text.includes("token:warning"));
}
