import type { TestAuthorizationServer, TestAuthorizationServerOptions } from "./public-types.js";

/**
 * Starts an authorization server on 127.0.0.1 for tests and trials. It listens on a random port, and serves:
 *
 * - metadata (RFC 8414) and a JWKS, with which a real MCP server can verify the tokens (RFC 9068);
 * - the grants `client_credentials`, `jwt_bearer` (RFC 7523), `token_exchange` (RFC 8693) and `refresh_token`;
 * - resource indicators (RFC 8707), scopes, DPoP (RFC 9449), introspection (RFC 7662) and revocation (RFC 7009).
 *
 * Errors are those of RFC 6749 §5.2. Everything is in memory. It is not for production.
 *
 * Rejects with `config_invalid` for wrong options.
 *
 * @example
 * ```ts
 * await using server = await testAuthorizationServer({ clients: { "crm-agent": { secret: "a-secret" } } });
 * const client = { issuer: server.issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } };
 * await using auth = await createMcpAuth({
 *   config: { servers: { crm: { url, grant: { client } } } },
 *   env: { CRM_SECRET: "a-secret" },
 * });
 * ```
 */
export async function testAuthorizationServer(
  options: TestAuthorizationServerOptions,
): Promise<TestAuthorizationServer> {
  const { startServer } = await import("./start-server.js");
  return await startServer(options);
}
