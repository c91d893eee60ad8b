import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerSpec } from "../../../src/config/spec.js";
import { todoAfterTrials } from "../../../src/diagnosis/after-trials.js";
import { McpAuthError, type McpAuthErrorCode } from "../../../src/errors/error.js";
import { noteRemains } from "../../../src/errors/findings.js";

const issuer = "https://auth.example";
const client = { issuer, id: "agent", secret: { env: "S" } } as const;

const workload = { type: "jwt_bearer", client: { issuer }, assertion: { env: "A" } } as const;

async function specOf(grant: { client: typeof client } | typeof workload = { client }): Promise<ServerSpec> {
  const config = { servers: { crm: { url: "https://crm.example/mcp", grant } } };
  const entry = (await loadConfig({ config, cwd: "/etc/agent", env: {} })).servers.get("crm");
  if (entry === undefined || "failure" in entry) throw new Error("expected a server that can be used");
  return entry.spec;
}

function failed(oauthError?: string, code: McpAuthErrorCode = "token_request_rejected"): McpAuthError {
  return new McpAuthError(code, "It failed.", { oauthError });
}

const byIssuer = { refusedByServer: false };

test("what remains comes first, then whom to ask about which client", async () => {
  const error = noteRemains(failed(), ["Check the secret.", "Check the scopes.", "Check something else."]);
  expect(todoAfterTrials(error, await specOf(), byIssuer)).toBe(
    "Check the secret. Check the scopes. Otherwise, ask the operator of https://auth.example why it refuses the client " +
      '"agent"; its log says more.',
  );
});

test.each([
  ["invalid_scope", 'which scopes the client "agent" may request.'],
  ["invalid_target", 'which "resource" or "audience" it knows https://crm.example/mcp as.'],
])("the question follows what the server says: %s", async (oauthError, question) => {
  expect(todoAfterTrials(failed(oauthError), await specOf(), byIssuer)).toBe(
    `Ask the operator of ${issuer} ${question}`,
  );
});

test("a grant without a client id is asked about by what it presents", async () => {
  expect(todoAfterTrials(failed(), await specOf(workload), byIssuer)).toContain(
    "why it refuses the assertion;",
  );
});

test("a token that the MCP server refuses, and metadata that contradicts the config, are for its operator", async () => {
  const spec = await specOf();
  expect(todoAfterTrials(failed(undefined, "unauthorized"), spec, { refusedByServer: true })).toContain(
    "Ask the operator of https://crm.example/mcp which issuer, audience and scopes it expects",
  );
  expect(todoAfterTrials(failed(undefined, "issuer_mismatch"), spec, byIssuer)).toContain(
    "Ask the operator of https://crm.example/mcp which authorization server issues its tokens",
  );
});
