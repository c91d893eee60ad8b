import type { GrantSpec, ServerSpec } from "../config/spec.js";
import { type IssuedBy, issuedEvent } from "../tokens/issued-event.js";
import type { RenewalReason } from "../tokens/source.js";
import type { Token } from "../tokens/token.js";
import type { Events } from "./events.js";

/** Returns the issuer of the tokens, `undefined` for a static token. */
export function issuerOf(grant: GrantSpec): string | undefined {
  return grant.type === "static" ? undefined : grant.client.issuer;
}

/**
 * Emits `token:issued` for a token that this process requested, if anybody listens. A static token that is read again,
 * or a token that the authorization server returns again, is no other token.
 */
export function auditToken(
  events: Events,
  { name: server, grant, stepUp }: Pick<ServerSpec, "name" | "grant" | "stepUp">,
  issued: {
    readonly token: Token;
    /** The current token until now. */
    readonly previous: Token | undefined;
    readonly reason: RenewalReason;
  },
): void {
  const { token, previous, reason } = issued;
  if (token.accessToken === previous?.accessToken || !events.isHeard("token:issued")) return;
  const clientId = grant.type === "static" ? undefined : grant.client.id;
  const by: IssuedBy = {
    ...{ server, issuer: issuerOf(grant), grant: grant.type },
    ...(clientId !== undefined && { clientId }),
  };
  const scopes = [...(grant.scopes ?? []), ...stepUp];
  events.emit("token:issued", issuedEvent(token, by, reason, scopes.length === 0 ? undefined : scopes));
}
