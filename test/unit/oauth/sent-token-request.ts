import type { ClientSpec } from "../../../src/config/spec.js";
import { sendJson } from "../../support/http-server.js";
import { clientCredentialsGrant, type GrantSettings, signal, startAuthorizationServer } from "./fixtures.js";

/** Answers a token request with a token. */
export const issue = (_request: unknown, response: Parameters<typeof sendJson>[0]): void =>
  sendJson(response, { access_token: "granted", token_type: "Bearer", expires_in: 60 });

/** Returns the only token request that a client sends to a server with this metadata. */
export async function sentTokenRequest(
  client: (issuer: string) => ClientSpec,
  env: Record<string, string> = {},
  metadata: object = {},
  settings: GrantSettings = {},
) {
  await using server = await startAuthorizationServer(issue, metadata);
  const grant = clientCredentialsGrant(server.origin, client(server.origin), { env, ...settings });
  const warnings: string[] = [];
  await grant({ signal: signal(), warn: (code) => warnings.push(code) });
  const [request, another] = server.tokenRequests();
  if (request === undefined || another !== undefined) throw new Error("expected one token request");
  return { request, origin: server.origin, form: new URLSearchParams(request.body), warnings };
}
