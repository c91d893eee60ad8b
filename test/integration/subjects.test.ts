// Subjects of tokens, and refused assertions. With real servers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { McpAuthError } from "../../src/index.js";
import { jwtClaims } from "../../src/lib/jwt-claims.js";
import { deferred } from "../support/deferred.js";
import { rejectionOf } from "../support/rejection-of.js";
import { createTestRuntime } from "./harness.js";
import {
  type ClientId,
  type GrantConfig,
  type IdentityServers,
  startIdentityServers,
} from "./identity-servers.js";

const urn = "urn:ietf:params:oauth";
const scopes = ["read"];

let world: IdentityServers;
beforeAll(async () => {
  world = await startIdentityServers();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Creates a manager with this grant. `assertion` is the function behind `{ "resolver": "given" }`. */
async function managerWith(grant: object, assertion?: () => Promise<string>) {
  const auth = await createTestRuntime({
    config: {
      network: world.network,
      // Built from parts.
      servers: { tools: { url: world.mcp.none.url, grant: { scopes, ...grant } as object as GrantConfig } },
    },
    env: world.env,
    resolvers: { ...world.resolvers, given: async () => (await assertion?.()) ?? "" },
  });
  return auth.resolve("tools");
}

/** Runs `act` and returns the results of the token requests that both servers got meanwhile. */
async function requestsDuring(act: () => Promise<unknown>) {
  const [atIdp, atIssuer] = [world.idp.tokenRequests.length, world.issuer.tokenRequests.length];
  await act();
  const codes = (requests: typeof world.idp.tokenRequests) =>
    requests.map(({ status, error }) => error ?? status);
  return {
    idp: codes(world.idp.tokenRequests.slice(atIdp)),
    issuer: codes(world.issuer.tokenRequests.slice(atIssuer)),
  };
}

const exchange = (client: ClientId, token: object, type = "jwt") => ({
  type: "token_exchange",
  client: world.client(client),
  subject: { token, type: `${urn}:token-type:${type}` },
});
const enterprise = (client: ClientId, token: object) => ({
  type: "enterprise_managed",
  client: world.client(client),
  idp: { client: world.idpClient(client), subject: { token, type: `${urn}:token-type:id_token` } },
});

function expectRefused(error: McpAuthError, oauthError: string, assertion: string): void {
  expect([error.code, error.oauthError, error.retryable]).toEqual([
    "token_request_rejected",
    oauthError,
    false,
  ]);
  expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain(assertion);
}

test.each([
  [
    "jwt_bearer",
    (token: object) => ({ type: "jwt_bearer", client: world.client("basic"), assertion: token }),
  ],
  ["token_exchange", (token: object) => exchange("basic", token)],
])(
  "%s reads the platform's token for each token request, and does not retry after a refusal",
  async (_, grant) => {
    const sent: string[] = [];
    let audience = world.issuer.issuer;
    const manager = await managerWith(grant({ resolver: "given", ref: "assertion" }), async () => {
      sent.push(await world.platform.sign({ sub: "ann", aud: audience }));
      return sent.at(-1) ?? "";
    });
    const granted = await requestsDuring(async () => {
      await manager.getToken();
      await manager.getToken({ forceRefresh: true });
    });
    expect(granted.issuer).toEqual([200, 200]);
    expect(new Set(sent).size).toBe(2);
    audience = "https://auth.elsewhere.example";
    const refused = await requestsDuring(async () => {
      const error = await rejectionOf(manager.getToken({ forceRefresh: true }));
      expectRefused(error, "invalid_grant", sent.at(-1) ?? "");
    });
    expect(refused.issuer).toEqual(["invalid_grant"]);
  },
);

test("a refusal of the identity provider ends the call without a request to the authorization server", async () => {
  const idToken = await world.platform.sign({ sub: "ann", aud: "somebody-else" });
  const manager = await managerWith(
    enterprise("basic", { resolver: "given", ref: "assertion" }),
    async () => idToken,
  );
  const requests = await requestsDuring(async () => {
    expectRefused(await rejectionOf(manager.getToken()), "invalid_grant", idToken);
  });
  expect(requests).toEqual({ idp: ["invalid_grant"], issuer: [] });
});

test("each new enterprise_managed token needs requests to both servers, because an ID-JAG works only once", async () => {
  const manager = await managerWith(enterprise("signer", { resolver: "platform", ref: "sign-in-signer" }));
  const requests = await requestsDuring(async () => {
    await manager.getToken();
    await manager.getToken({ forceRefresh: true });
  });
  expect(requests).toEqual({ idp: [200, 200], issuer: [200, 200] });
  const assertions = world.issuer.tokenRequests.slice(-2).map(({ params }) => params["assertion"]);
  expect(new Set(assertions).size).toBe(2);
  expect(world.idp.tokenRequests.at(-1)?.params).toMatchObject({
    grant_type: `${urn}:grant-type:token-exchange`,
    requested_token_type: `${urn}:token-type:id-jag`,
    subject_token_type: `${urn}:token-type:id_token`,
    audience: world.issuer.issuer,
    resource: world.mcp.none.url,
    scope: "read",
  });
});

test.each([
  ["token_exchange", (token: object): object => exchange("basic", token), () => world.issuer.issuer],
  ["enterprise_managed", (token: object): object => enterprise("basic", token), () => "basic-at-idp"],
  [
    "jwt_bearer",
    (token: object): object => ({ type: "jwt_bearer", client: world.client("basic"), assertion: token }),
    () => world.issuer.issuer,
  ],
])("with %s, each user at run time has their own token", async (_, grant, audience) => {
  const manager = await managerWith(grant({ runtime: true }));
  const subjectToken = (sub: string) => world.platform.sign({ sub, aud: audience() });
  const before = world.issuer.tokensIssued;
  const [ann, bob] = [
    manager.for({ key: "ann", subjectToken: await subjectToken("ann") }),
    manager.for({ key: "bob", subjectToken: await subjectToken("bob") }),
  ];
  const tokens = await Promise.all(
    Array.from({ length: 20 }, (_each, index) => (index % 2 === 0 ? ann : bob).getAccessToken()),
  );
  expect(new Set(tokens).size).toBe(2);
  const issued = world.issuer.issued.slice(before);
  expect(issued.map(({ subject }) => subject).sort()).toEqual(["ann", "bob"]);
  const again = manager.for({ key: "ann", subjectToken: await subjectToken("ann") });
  expect(await again.getAccessToken()).toBe(tokens[0]);
  const response = await bob.fetch(manager.url);
  await response.body?.cancel();
  expect(response.status).toBe(405);
  const { jti } = world.mcp.none.requests.at(-1) ?? {};
  expect(issued.find((token) => token.jti === jti)?.subject).toBe("bob");
});

test("on behalf of a user, a refused token of the user is not sent again, and a new one is", async () => {
  const manager = await managerWith({
    ...{ type: "jwt_bearer", client: world.client("basic"), assertion: { runtime: true } },
    params: { requested_token_use: "on_behalf_of" },
  });
  let audience = "https://auth.elsewhere.example";
  const sent: string[] = [];
  const subjectToken = async () => {
    sent.push(await world.platform.sign({ sub: "ann", aud: audience }));
    return sent.at(-1) ?? "";
  };
  const refused = await requestsDuring(async () => {
    const error = await rejectionOf(manager.for({ key: "ann", subjectToken }).getToken());
    expectRefused(error, "invalid_grant", sent[0] ?? "");
    expect(error.message).toContain("the user's token that was passed to `for()`");
  });
  expect(refused.issuer).toEqual(["invalid_grant"]);
  audience = world.issuer.issuer;
  await manager.for({ key: "ann", subjectToken }).getToken({ forceRefresh: true });
  expect(world.issuer.issued.at(-1)?.subject).toBe("ann");
  expect(world.issuer.tokenRequests.at(-1)?.params).toMatchObject({
    grant_type: `${urn}:grant-type:jwt-bearer`,
    assertion: sent.at(-1),
  });
});

test("users that share a key by mistake get tokens of their own, also while a request is in flight", async () => {
  const grant = { type: "jwt_bearer", client: world.client("basic"), assertion: { runtime: true } };
  const manager = await managerWith(grant);
  const tokenOf = async (sub: string) => {
    const subjectToken = await world.platform.sign({ sub, aud: world.issuer.issuer });
    return manager.for({ key: "shared", subjectToken }).getToken();
  };
  const tokens = await Promise.all(["ann", "bob", "ann"].map(tokenOf));
  const subjects = tokens.map(({ accessToken }) => jwtClaims(accessToken)?.["sub"]);
  expect(subjects).toEqual(["ann", "bob", "ann"]);
});

describe("forget()", () => {
  const grant = () => ({ type: "jwt_bearer", client: world.client("basic"), assertion: { runtime: true } });
  // The server accepts an assertion once.
  const signIn = (key: string) => ({
    key,
    subjectToken: () => world.platform.sign({ sub: key, aud: world.issuer.issuer }),
  });

  test("forget() drops the tokens of one user, for all scopes, and the next for() starts anew", async () => {
    const manager = await managerWith(grant());
    const [ann, bob] = [manager.for(signIn("ann")), manager.for(signIn("bob"))];
    const first = [await ann.getAccessToken(), await ann.getAccessToken({ scopes: [] })];
    const ofBob = await bob.getAccessToken();
    await manager.forget("ann");
    await manager.forget("somebody else");
    const again = manager.for(signIn("ann"));
    expect(again).not.toBe(ann);
    for (const scopes of [undefined, []])
      expect(first).not.toContain(await again.getAccessToken({ ...(scopes && { scopes }) }));
    expect(await bob.getAccessToken()).toBe(ofBob);
    expect(manager.for(signIn("bob"))).toBe(bob);
  });

  test("a manager of a forgotten user fails for good, without a request, and still finds other users", async () => {
    const manager = await managerWith(grant());
    const ann = manager.for(signIn("ann"));
    await ann.getAccessToken();
    await ann.forget("ann");
    const again = manager.for(signIn("ann"));
    await again.getAccessToken();
    const requests = await requestsDuring(async () => {
      for (const call of [() => ann.getAccessToken(), () => ann.getHeaders(), () => ann.fetch(manager.url)]) {
        const error = await rejectionOf(call());
        expect([error.code, error.retryable]).toEqual(["secret_unavailable", false]);
        expect(error.message).toContain("were dropped with forget()");
      }
    });
    expect(requests).toEqual({ idp: [], issuer: [] });
    expect(ann.status()).toMatchObject({ state: "none", lastError: { code: "secret_unavailable" } });
    expect(() => ann.url).toThrow(expect.objectContaining({ code: "secret_unavailable" }));
    expect(ann.for(signIn("ann"))).toBe(again);
  });

  test("a call that waits for the token of a user who is forgotten fails, and other users are not disturbed", async () => {
    const manager = await managerWith(grant());
    const [asked, answer] = [deferred(), deferred<string>()];
    const subjectToken = () => {
      asked.resolve();
      return answer.promise;
    };
    const waiting = rejectionOf(manager.for({ key: "ann", subjectToken }).getAccessToken());
    await asked.promise;
    const requests = await requestsDuring(async () => {
      const forgotten = manager.forget("ann");
      answer.resolve(await signIn("ann").subjectToken());
      expect((await waiting).code).toBe("secret_unavailable");
      await forgotten;
    });
    expect(requests.issuer).toEqual([]);
    expect(await manager.for(signIn("ann")).getAccessToken()).not.toBe("");
  });

  test("forget() needs a key, and a server whose tokens are for users", async () => {
    const manager = await managerWith(grant());
    // As JavaScript passes it, where nothing checks the types.
    const error = await rejectionOf(manager.forget(undefined as unknown as string));
    expect(error.code).toBe("config_invalid");
    const own = await managerWith({ client: world.client("basic") });
    expect((await rejectionOf(own.forget("ann"))).code).toBe("config_invalid");
  });
});

test("a manager on behalf of users has no token of its own, and sends no request without a user", async () => {
  const grant = { type: "jwt_bearer", client: world.client("basic"), assertion: { runtime: true } };
  const manager = await managerWith(grant);
  const requests = await requestsDuring(async () => {
    const error = await rejectionOf(manager.getToken());
    expect([error.code, error.retryable]).toEqual(["secret_unavailable", false]);
    expect(error.message).toContain("manager.for({ key, subjectToken })");
  });
  expect(requests).toEqual({ idp: [], issuer: [] });
});
