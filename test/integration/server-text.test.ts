// Text that servers choose appears only in the `details` of errors, wherever a server puts it.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { discover, McpAuthError, type McpAuthErrorCode } from "../../src/index.js";
import { internalsOf } from "../../src/runtime/manager-internals.js";
import { fakeClock } from "../support/fake-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  type Answer,
  type Answers,
  hostileServers,
  hostileWorld,
  json,
  send,
  sentence,
  usualToken,
} from "./hostile-servers.js";
import { measureFakeSeconds } from "./measure-fake-seconds.js";

type Client = { readonly issuer: string; readonly id: string };

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const env = {
  SECRET: "the secret of the agent",
  KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  SUBJECT: "subject-token-of-a-user-0123456789abcdef",
};
const withSecret = (client: Client) => ({ ...client, secret: { env: "SECRET" } });

const metadata =
  (members: object): Answer =>
  (response, _request, issuer) =>
    send(response, 200, { issuer, token_endpoint: `${issuer}/token`, ...members });

const resource =
  (members: (origin: string) => object): Answer =>
  (response, _request, origin) =>
    send(response, 200, { resource: `${origin}/mcp`, authorization_servers: [origin], ...members(origin) });

const challenged = (status: number, parameters: string) =>
  json(status, {}, { "www-authenticate": `Bearer realm="${sentence}", ${parameters}` });

const url = `https://elsewhere.example/${sentence}`;
const toHere = { location: `/${sentence}` };
const ofType = { "content-type": `text/${sentence}` };
const described = { error_description: sentence, error_uri: url };

interface Row {
  readonly code: McpAuthErrorCode;
  readonly answers: Answers;
  readonly members?: (client: Client) => object;
}

const row = (code: McpAuthErrorCode, answers: Answers, members?: Row["members"]): Row => ({
  code,
  answers,
  ...(members && { members }),
});

const rejected = (answer: Answer) => row("token_request_rejected", { token: answer });
const invalid = (answer: Answer, members?: Row["members"]) =>
  row("token_response_invalid", { token: answer }, members);
const unsupported = (list: string, members: Row["members"]) =>
  row("unsupported_by_server", { metadata: metadata({ [list]: [sentence] }) }, members);

const ofTokens: Readonly<Record<string, Row>> = {
  "an unregistered error code": rejected(json(400, { error: sentence })),
  "an unregistered error code in a 401": rejected(json(401, { error: sentence })),
  "an unregistered error code in a 200": rejected(json(200, { error: sentence })),
  "the description and the URI of an error": rejected(json(400, { error: "invalid_scope", ...described })),
  "a redirect of a token endpoint": rejected(json(307, {}, toHere)),
  "the description of an outage": row("unavailable", {
    token: json(503, { error: "server_error", ...described }, { "retry-after": sentence }),
  }),
  "the path of a token endpoint that fails": row("unavailable", {
    token: (response) => void response.destroy(),
  }),
  "the path of a token endpoint that does not answer": row("timeout", { token: () => {} }),
  "the content type of a token response": invalid(json(200, usualToken, ofType)),
  "a token type": invalid(json(200, { ...usualToken, token_type: sentence })),
  "an issued token type": invalid(json(200, { ...usualToken, issued_token_type: sentence }), (client) => ({
    grant: { type: "token_exchange", client: withSecret(client), subject: { token: { env: "SUBJECT" } } },
  })),
};

const ofMetadata: Readonly<Record<string, Row>> = {
  "another issuer": row("issuer_mismatch", { metadata: metadata({ issuer: url }) }),
  "an issuer that is prose": row("issuer_mismatch", { metadata: metadata({ issuer: sentence }) }),
  "a forbidden token endpoint": row("insecure_url", {
    metadata: metadata({ token_endpoint: `http://elsewhere.example/${sentence}` }),
  }),
  "a token endpoint that is prose": row("insecure_url", { metadata: metadata({ token_endpoint: sentence }) }),
  "a redirect of metadata": row("discovery_failed", { metadata: json(302, {}, toHere) }),
  "the content type of metadata": row("discovery_failed", { metadata: json(200, {}, ofType) }),
  "the methods of client authentication": unsupported("token_endpoint_auth_methods_supported", undefined),
  "the algorithms of client assertions": unsupported(
    "token_endpoint_auth_signing_alg_values_supported",
    (client) => ({ grant: { client: { ...client, key: { privateKey: { env: "KEY" } } } } }),
  ),
  "the algorithms of client assertions with a secret": unsupported(
    "token_endpoint_auth_signing_alg_values_supported",
    (client) => ({ grant: { client: { ...withSecret(client), method: "client_secret_jwt" } } }),
  ),
  "the algorithms of DPoP proofs": unsupported("dpop_signing_alg_values_supported", (client) => ({
    dpop: true,
    grant: { client: withSecret(client) },
  })),
  "another resource": row("resource_mismatch", { resource: resource(() => ({ resource: url })) }),
  "another resource on this host": row("resource_mismatch", {
    resource: resource((origin) => ({ resource: `${origin}/${sentence}` })),
  }),
  "other authorization servers": row("issuer_mismatch", {
    resource: resource((origin) => ({ authorization_servers: [sentence, `${origin}/${sentence}`] })),
  }),
};

const ofTheServer: Readonly<Record<string, Row>> = {
  "the scopes of a 403": row(
    "insufficient_scope",
    {
      mcp: challenged(
        403,
        `error="insufficient_scope", scope="${sentence}", error_description="${sentence}"`,
      ),
    },
    (client) => ({ grant: { client: withSecret(client), scopes: ["read"] } }),
  ),
  "a redirect to another origin": row("egress_denied", { mcp: json(307, {}, { location: url }) }),
  "endless redirects": row("egress_denied", { mcp: json(307, {}, { location: `/mcp/${sentence}` }) }),
};

describe("text of servers", () => {
  test.each(Object.entries({ ...ofTokens, ...ofMetadata, ...ofTheServer }))(
    "text of a server is only in the details: %s",
    async (_, row) => {
      const { code, answers, members = (client) => ({ grant: { client: withSecret(client) } }) } = row;
      const clock = code === "timeout" ? fakeClock(Date.now()) : undefined;
      const world = await hostileWorld(answers, members, { env, ...(clock && { clock }) });
      const call = rejectionOf(world.manager.fetch(world.manager.url, { method: "POST", body: "{}" }));
      if (clock !== undefined) await measureFakeSeconds({ clock, advance: clock.advance }, () => call);
      const error = await call;
      expect(error.code).toBe(code);
      expect(JSON.stringify(error.details)).toContain(sentence);
      // The cool-down repeats the same error.
      if (code !== "insufficient_scope" && code !== "egress_denied") {
        const again = await rejectionOf(world.manager.getAccessToken());
        expect([again.code, again.details]).toEqual([code, error.details]);
      }
      const shown = await world.shown(error);
      expect(shown).toContain(error.message);
      expect(shown).not.toContain(sentence);
    },
  );

  test("text of a server in a challenge with a forbidden or broken metadata URL is not shown", async () => {
    const elsewhere = `resource_metadata="http://10.0.0.1/${sentence}", scope="${sentence}"`;
    let count = 0;
    const mcp: Answer = (response, request, origin) => {
      count += 1;
      const broken = `resource_metadata="${origin}/.well-known/oauth-protected-resource/${sentence}"`;
      challenged(401, count % 2 === 0 ? broken : elsewhere)(response, request, origin);
    };
    const members = (client: Client) => ({ grant: { client: withSecret(client) } });
    const world = await hostileWorld({ mcp, resource: json(200, {}, ofType) }, members, { env });
    const response = await world.manager.fetch(world.manager.url);
    expect(response.status).toBe(401);
    // Broken metadata causes a warning, which must not contain its text.
    await world.manager.getToken({ forceRefresh: true });
    expect(await world.shown(new McpAuthError("unauthorized", ""))).not.toContain(sentence);
  });

  test("text of a server in the redirect of a request with a stream body is only in the details", async () => {
    const mcp = json(307, {}, { location: `/mcp/${sentence}` });
    const world = await hostileWorld({ mcp }, (client) => ({ grant: { client: withSecret(client) } }), {
      env,
    });
    const body = new Blob(["{}"]).stream();
    // Node needs `duplex`, which the type RequestInit does not have.
    const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
    const error = await rejectionOf(world.manager.fetch(world.manager.url, init));
    expect(error).toMatchObject({ code: "egress_denied", details: { location: `/mcp/${sentence}` } });
    expect(await world.shown(error)).not.toContain(sentence);
  });

  test("text of the revocation endpoint is only in the details, with <secret> for a quoted token", async () => {
    let isRevocation = false;
    const world = await hostileWorld(
      {
        metadata: (response, _request, issuer) => {
          const token_endpoint = `${issuer}/token`;
          send(response, 200, {
            issuer,
            token_endpoint,
            revocation_endpoint: `${token_endpoint}/${sentence}`,
          });
        },
        token: (response, { form }) => {
          isRevocation = form.has("token");
          if (!isRevocation) return send(response, 200, usualToken);
          return send(response, 400, { error: sentence, error_description: `not ${form.get("token")}` });
        },
      },
      (client) => ({ grant: { client: withSecret(client) } }),
      { env },
    );
    await world.manager.getToken();
    const error = await rejectionOf(
      internalsOf(world.manager).store?.revoke(new AbortController().signal) ?? Promise.resolve(),
    );
    expect(isRevocation).toBe(true);
    expect(error).toMatchObject({
      code: "token_request_rejected",
      details: { error: sentence, error_description: "not <secret>" },
    });
    expect(await world.shown(error)).not.toContain(sentence);
  });

  test("text of a server is in the result of discover() and not in the messages of its problems", async () => {
    const listing = (issuers: (origin: string) => readonly string[]): Answers => ({
      mcp: challenged(401, `scope="${sentence}"`),
      resource: resource((origin) => ({ authorization_servers: issuers(origin) })),
    });
    const found = await hostileServers(listing((origin) => [origin]));
    expect(await discover(`${found}/mcp`)).toMatchObject({ scopes: [sentence], issuers: [found] });
    const failing: readonly Answers[] = [
      listing(() => [url.replace("elsewhere.example", "10.0.0.1")]),
      { ...listing((origin) => [`${origin}/${sentence}`]), metadata: json(404, {}) },
      { ...listing((origin) => [`${origin}/${sentence}`]), metadata: json(500, {}) },
      { ...listing((origin) => [`${origin}/${sentence}`]), metadata: metadata({ issuer: sentence }) },
      { ...listing((origin) => [origin]), metadata: metadata({ token_endpoint: sentence }) },
      { mcp: json(308, {}, toHere) },
      { mcp: challenged(401, `resource_metadata="http://10.0.0.1/${sentence}"`) },
      { ...listing(() => []), resource: resource(() => ({ resource: url })) },
    ];
    for (const answers of failing) {
      const origin = await hostileServers(answers);
      const { problems } = await discover(`${origin}/mcp`);
      expect(problems.length).toBeGreaterThan(0);
      for (const { message } of problems) expect(message).not.toContain(sentence);
    }
  });
});

describe("the explanation of a persistent refusal", () => {
  const claims = { iss: url, aud: [sentence, url], scope: `${sentence} admin`, sub: sentence, [sentence]: 1 };
  const jwt = ["eyJhbGciOiJub25lIn0", Buffer.from(JSON.stringify(claims)).toString("base64url"), "c2ln"].join(
    ".",
  );
  const parameters =
    `error="${sentence}", error_description="${sentence}", scope="${sentence}", ` +
    `resource_metadata="https://elsewhere.example/${sentence}"`;
  const status401 = challenged(401, parameters);

  test.each<[what: string, answers: Answers, scopes: readonly string[] | undefined]>([
    ["the claims of a JWT", { mcp: json(401, {}) }, ["read"]],
    ["the values of a challenge", { mcp: status401 }, ["read"]],
    ["a challenge without scopes in the config", { mcp: status401 }, undefined],
    ["a 403 with invalid_token", { mcp: challenged(403, `error="invalid_token", ${parameters}`) }, ["read"]],
  ])(
    "the explanation of a persistent refusal contains no text of the server: %s",
    async (_, answers, scopes) => {
      let count = 0;
      const token: Answer = (response) => {
        count += 1;
        send(response, 200, { ...usualToken, access_token: `${jwt}${count}` });
      };
      const world = await hostileWorld(
        { token, ...answers },
        (client) => ({ grant: { client: withSecret(client), ...(scopes && { scopes }) } }),
        { env },
      );
      const response = await world.manager.fetch(world.manager.url, { method: "POST", body: "{}" });
      await response.body?.cancel();
      expect([401, 403]).toContain(response.status);
      // The explaining module is loaded lazily.
      await expect.poll(() => world.manager.status().lastError?.code).toBe("unauthorized");
      const error = world.manager.status().lastError;
      if (error === undefined) throw new TypeError("The status has no error.");
      expect(error.details).toMatchObject({ iss: url, aud: [sentence, url], scope: `${sentence} admin` });
      const shown = await world.shown(error);
      expect(shown).toContain("refused a new token too");
      expect(shown).not.toContain(sentence);
    },
  );
});

test("the scopes that a server requires are only in the details of insufficient_scope", async () => {
  const challenge = `error="insufficient_scope", scope="${sentence} admin"`;
  const world = await hostileWorld(
    { mcp: challenged(403, challenge) },
    (client) => ({ grant: { client: withSecret(client), scopes: ["read"] }, stepUp: ["write"] }),
    { env },
  );
  const error = await rejectionOf(world.manager.fetch(world.manager.url));
  expect(error.message).toBe(
    'Server "tools" wants 2 scopes that the config does not allow, so no token was requested; the error\'s `details` ' +
      'names them. Add them to the grant\'s "scopes", or to the server\'s "stepUp" to ask for them only when the server does.',
  );
  expect(error.details).toEqual({ scope: [sentence, "admin"] });
});
