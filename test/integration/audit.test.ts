// `token:issued`: one event for each token that this process requested.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuth, McpAuthConfig, TokenIssuedEvent } from "../../src/index.js";
import { attributeNames, instruments } from "../../src/telemetry/instruments.js";
import { sendJson } from "../support/http-server.js";
import { registerOpenTelemetry } from "../support/open-telemetry.js";
import { sharedMemory } from "../support/shared-memory.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestManager, sendToken, startScriptedIssuer } from "./harness.js";

const hashOf = (token: string) => createHash("sha256").update(token).digest("base64url");
const longToken = (number: number) => `token-number-${number}-with-many-characters`;

function record(auth: McpAuth<string>): TokenIssuedEvent[] {
  const heard: TokenIssuedEvent[] = [];
  auth.on("token:issued", (event) => heard.push(event));
  return heard;
}

/** Starts an issuer that issues a different token at each request. */
async function countingIssuer() {
  let count = 0;
  return await startScriptedIssuer((_request, response) => {
    count += 1;
    sendToken(response, longToken(count));
  });
}

test("each token that was requested is one audit event, with its hash and what the config says about it", async () => {
  const issuer = await countingIssuer();
  const logged: unknown[] = [];
  const info = (fields: object, message: string) => logged.push({ ...fields, message });
  const logger = { debug() {}, info, warn() {}, error() {} };
  const { auth, manager } = await createTestManager(issuer, { logger });
  const heard = record(auth);
  const before = Date.now();
  const [token] = await Promise.all([manager.getToken(), manager.getToken(), manager.getToken()]);
  await manager.getToken();
  await manager.getToken({ forceRefresh: true });
  const common = {
    ...{ server: "tools", issuer: issuer.server.origin, clientId: "agent", grant: "client_credentials" },
  };
  expect(heard).toMatchObject([
    {
      ...common,
      reason: "demand",
      tokenHash: hashOf(longToken(1)),
      requestedAt: token.requestedAt,
      expiresAt: token.expiresAt,
    },
    { ...common, reason: "forced", tokenHash: hashOf(longToken(2)) },
  ]);
  expect(token.requestedAt).toBeGreaterThanOrEqual(before);
  expect(logged).toMatchObject(heard.map((event) => ({ ...event, event: "token:issued" })));
});

test("a token that another process requested is not in the audit log of this one", async () => {
  const issuer = await countingIssuer();
  const memory = sharedMemory();
  const first = await createTestManager(issuer, { store: memory.store() });
  const second = await createTestManager(issuer, { store: memory.store() });
  const [ofFirst, ofSecond] = [record(first.auth), record(second.auth)];
  await first.manager.getToken();
  expect((await second.manager.getToken()).accessToken).toBe(longToken(1));
  expect([ofFirst.length, ofSecond.length]).toEqual([1, 0]);
});

test("a token that the authorization server returns once more is not another token", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, longToken(1)));
  const { auth, manager } = await createTestManager(issuer);
  const heard = record(auth);
  await manager.getToken();
  await manager.getToken({ forceRefresh: true });
  expect(heard).toHaveLength(1);
});

test("a token that the SDK of a host requested is one audit event and one new token, until it is another one", async () => {
  await using telemetry = registerOpenTelemetry();
  const { auth, manager } = await createTestManager(await countingIssuer());
  const heard = record(auth);
  const provider = oauthProvider(manager);
  const save = (number: number) =>
    provider.saveTokens({ access_token: longToken(number), token_type: "Bearer", expires_in: 60 });
  await save(1);
  const attributes = { [attributeNames.server]: "tools", [attributeNames.reason]: "rejected" };
  // The other reasons are counted from 0 on.
  const points = async () =>
    (await telemetry.points(instruments.renewals.name)).filter(({ value }) => value !== 0);
  await expect.poll(points).toMatchObject([{ value: 1, attributes }]);
  await save(1);
  await save(2);
  expect(heard.map(({ tokenHash }) => tokenHash)).toEqual([1, 2].map((number) => hashOf(longToken(number))));
});

test("a short token has no hash, because it could be guessed from it", async () => {
  const tokens = ["x".repeat(21), "y".repeat(22)];
  const issuer = await startScriptedIssuer((_request, response) =>
    sendToken(response, tokens.shift() ?? "none"),
  );
  const { auth, manager } = await createTestManager(issuer);
  const heard = record(auth);
  await manager.getToken();
  await manager.getToken({ forceRefresh: true });
  expect(heard.map(({ tokenHash }) => tokenHash)).toEqual([undefined, hashOf("y".repeat(22))]);
  expect(heard[0]).not.toHaveProperty("tokenHash");
});

test("only scopes that the config names are in the audit log, because a server chooses the others", async () => {
  const issuer = await startScriptedIssuer((_request, response) =>
    sendJson(response, {
      ...{ access_token: longToken(1), token_type: "Bearer", expires_in: 60, scope: "read server-text" },
    }),
  );
  const { tools } = issuer.config.servers;
  const config = {
    servers: { tools: { ...tools, grant: { ...tools.grant, scopes: ["read", "write"] } } },
  } satisfies McpAuthConfig;
  const { auth, manager } = await createTestManager({ config, env: issuer.env });
  const heard = record(auth);
  await manager.getToken();
  expect(heard[0]?.scopes).toEqual(["read"]);
});

test("a static token is in the audit log when it is read first, without issuer and client", async () => {
  const file = join(await temporaryFolder(), "token");
  await writeFile(file, longToken(1), { mode: 0o600 });
  const url = "https://crm.example/mcp";
  const config = { servers: { tools: { url, grant: { type: "static" as const, token: { file } } } } };
  const { auth, manager } = await createTestManager({ config, env: {} });
  const heard = record(auth);
  await manager.getToken();
  await manager.getToken({ forceRefresh: true });
  expect(heard).toMatchObject([{ server: "tools", issuer: undefined, grant: "static" }]);
  expect(heard[0]).not.toHaveProperty("clientId");
});

test("a token of a user is in the audit log without the user", async () => {
  const issuer = await countingIssuer();
  const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
  const subject = { token: { runtime: true as const } };
  const grant = { type: "token_exchange" as const, client, subject };
  const { auth, manager } = await createTestManager({
    config: { servers: { tools: { url: issuer.url, grant } } },
    env: issuer.env,
  });
  const heard = record(auth);
  await manager.for({ key: "ana@example.com", subjectToken: () => "subject-token" }).getToken();
  expect(heard).toMatchObject([{ server: "tools", grant: "token_exchange" }]);
  expect(JSON.stringify(heard)).not.toContain("ana");
});
