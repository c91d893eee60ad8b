import type { ClientAuth } from "./client-auth.js";

/** `none`: a public client only says who it is, RFC 6749 §3.2.1. */
export const publicClient: ClientAuth = (_authorizationServer, client, body) => {
  body.set("client_id", client.client_id);
};

/** No client is named at all: the grant itself says who asks, RFC 7523 §3.1. */
export const anonymousClient: ClientAuth = () => {};
