// The servers of the demo, in their own process: an authorization server whose tokens live eight seconds, and two MCP
// servers that accept only these tokens. The process ends when the demo disconnects.
import type { JWK } from "jose";
import { startAuthorizationServer } from "../../test/support/authorization-server.js";
import { startMcpServer } from "../../test/support/mcp-server.js";
import { billingTools, crmTools } from "./tools.js";

/** A question of the demo. */
type Question =
  | { readonly ask: "start"; readonly crmSecret: string; readonly billingKey: JWK }
  | { readonly ask: "count" };

process.once("disconnect", () => process.exit());
// Ctrl-C reaches the whole process group. The demo disconnects when it no longer needs the servers.
process.on("SIGINT", () => {});

process.once("message", async ({ crmSecret, billingKey }: Extract<Question, { ask: "start" }>) => {
  const authorizationServer = await startAuthorizationServer({
    clients: [
      { id: "crm-agent", secret: crmSecret, scopes: ["crm:read"] },
      { id: "billing-agent", publicKey: billingKey, scopes: ["invoices:read"] },
    ],
    scopes: ["crm:read", "invoices:read"],
    lifetime: 8,
  });
  const { issuer } = authorizationServer;
  const crm = await startMcpServer({ issuer, scopes: ["crm:read"], tools: crmTools });
  const billing = await startMcpServer({ issuer, scopes: ["invoices:read"], tools: billingTools });
  process.on("message", () => {
    const issued: Record<string, number> = {};
    for (const { clientId } of authorizationServer.issued) issued[clientId] = (issued[clientId] ?? 0) + 1;
    process.send?.({ issued, unauthorized: crm.unauthorized + billing.unauthorized });
  });
  process.send?.({ issuer, crmUrl: crm.url, billingUrl: billing.url });
});
