import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { authProvider, oauthProvider, transportOptions } from "../../../src/hosts/mcp-sdk.js";
import { createMcpAuth, type McpAuthConfig } from "../../../src/index.js";
import { type Handler, sendJson, startHttpServer } from "../../support/http-server.js";
import { installHosts } from "./installed-host.js";

const secret = "canary-secret";

/** Creates a manager whose authorization server issues the tokens t1, t2 and so on. */
async function manager(grant: object = {}, answer?: Handler) {
  let count = 0;
  const server = await startHttpServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer, token_endpoint: `${issuer}/token` });
    }
    if (request.url !== "/token") return sendJson(response, {}, 404);
    if (answer !== undefined) return answer(request, response);
    count += 1;
    return sendJson(response, { access_token: `t${count}`, token_type: "Bearer", expires_in: 3_600 });
  });
  onTestFinished(() => server.close());
  const url = `${server.origin}/mcp`;
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = { servers: { tools: { url, grant: { client, ...grant } } } };
  let now = Date.now();
  const auth = await createMcpAuth({
    config,
    env: { SECRET: secret },
    clock: { now: () => now, setTimeout: () => ({ unref() {}, cancel() {} }) },
  });
  onTestFinished(() => auth.stop());
  return {
    auth,
    server,
    issuer: server.origin,
    tools: auth.resolve("tools"),
    tokenRequests: () => server.requests.filter((request) => request.url === "/token").length,
    wait(milliseconds: number) {
      now += milliseconds;
    },
  };
}

describe("transportOptions", () => {
  test("transportOptions has a fetch that adds the manager's token", async () => {
    const { tools, server } = await manager();
    const { fetch, ...rest } = transportOptions(tools);
    expect(rest).toEqual({});
    await fetch(tools.url);
    expect(server.requests.at(-1)).toMatchObject({ url: "/mcp", headers: { authorization: "Bearer t1" } });
  });

  test("transportOptions throws the config error of a server that its config makes unusable", async () => {
    const grant = { type: "static", token: { env: "TOKEN" } } as const;
    const auth = await createMcpAuth({
      config: { servers: { tools: { url: "${NO_URL}", grant } } },
      env: {},
    });
    expect(() => transportOptions(auth.resolve("tools"))).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  test("transportOptions and oauthProvider need versions of the SDK 1 that use them", async () => {
    const { tools } = await manager();
    await installHosts({ "@modelcontextprotocol/sdk": "1.14.0" });
    expect(() => transportOptions(tools)).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message:
          '@modelcontextprotocol/sdk 1.14.0 is too old: it ignores "fetch" and would send its requests without ' +
          "a token. Install version 1.15.0 or later.",
      }),
    );
    await installHosts({ "@modelcontextprotocol/sdk": "1.23.1" });
    expect(transportOptions(tools)).toHaveProperty("fetch");
    expect(() => oauthProvider(tools)).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message:
          "@modelcontextprotocol/sdk 1.23.1 is too old: it cannot request a token without a user. " +
          "Install version 1.24.0 or later.",
      }),
    );
  });

  test("an old SDK 1 beside the SDK 2 is not in the way", async () => {
    const { tools } = await manager();
    await installHosts({ "@modelcontextprotocol/sdk": "1.0.0", "@modelcontextprotocol/client": "2.0.0" });
    expect(transportOptions(tools)).toHaveProperty("fetch");
    expect(oauthProvider(tools)).toHaveProperty("tokens");
  });
});

describe("authProvider", () => {
  test("authProvider returns the manager's token, and a new one after a 401", async () => {
    const { tools, tokenRequests } = await manager();
    const provider = authProvider(tools);
    expect(await provider.token()).toBe("t1");
    expect(await provider.token()).toBe("t1");
    await provider.onUnauthorized();
    expect(await provider.token()).toBe("t2");
    expect(tokenRequests()).toBe(2);
  });

  test("authProvider attributes the 401s of concurrent calls to the token that those calls were sent with", async () => {
    const { tools, tokenRequests } = await manager();
    const provider = authProvider(tools);
    await Promise.all(Array.from({ length: 50 }, () => provider.token()));
    // The responses arrive one by one, and each call is sent again before the next response.
    for (let call = 0; call < 50; call += 1) {
      await provider.onUnauthorized();
      expect(await provider.token()).toBe("t2");
    }
    expect(tokenRequests()).toBe(2);
  });

  test("authProvider attributes a 401 long after the previous one to the current token", async () => {
    const { tools, wait } = await manager();
    const provider = authProvider(tools);
    await provider.token();
    await provider.onUnauthorized();
    expect(await provider.token()).toBe("t2");
    wait(60_000);
    await provider.onUnauthorized();
    expect(await provider.token()).toBe("t3");
  });

  test("authProvider keeps a token that was renewed after the refused call was sent", async () => {
    const { tools, tokenRequests } = await manager();
    const provider = authProvider(tools);
    expect(await provider.token()).toBe("t1");
    await tools.getAccessToken({ forceRefresh: true });
    await provider.onUnauthorized();
    expect(await provider.token()).toBe("t2");
    expect(tokenRequests()).toBe(2);
  });

  test("authProvider ignores a 401 before it has returned any token", async () => {
    const { tools } = await manager();
    await authProvider(tools).onUnauthorized();
    expect(await tools.getAccessToken()).toBe("t1");
  });

  test("authProvider rejects with the error of the token request that a 401 causes", async () => {
    let refuse = false;
    const { tools } = await manager({}, (_request, response) =>
      refuse
        ? sendJson(response, { error: "invalid_client" }, 401)
        : sendJson(response, { access_token: "t1", token_type: "Bearer", expires_in: 60 }),
    );
    const provider = authProvider(tools);
    await provider.token();
    refuse = true;
    await expect(provider.onUnauthorized()).rejects.toMatchObject({ oauthError: "invalid_client" });
  });
});

describe("oauthProvider", () => {
  test("oauthProvider has the client's id and its issuer, and does not show its secret", async () => {
    const { tools, issuer } = await manager();
    const provider = oauthProvider(tools);
    expect(provider.clientInformation()).toEqual({ client_id: "agent", issuer });
    expect(provider.redirectUrl).toBeUndefined();
    expect(provider.clientMetadata).toEqual({
      client_name: "agent",
      redirect_uris: [],
      grant_types: ["client_credentials"],
    });
    const shown = inspect([provider, await provider.tokens()], { depth: 9, showHidden: true });
    expect(shown + JSON.stringify(provider)).not.toContain(secret);
    expect(await provider.tokens()).toEqual({ access_token: "t1", token_type: "Bearer" });
  });

  test("oauthProvider adds the credential to a request to the token endpoint of the pinned issuer", async () => {
    const { tools, issuer } = await manager();
    const provider = oauthProvider(tools);
    for (const [url, metadata] of [
      [`${issuer}/token`, { issuer }],
      [new URL(`${issuer}/token`), undefined],
    ] as const) {
      const [headers, params] = [new Headers(), new URLSearchParams()];
      await provider.addClientAuthentication(headers, params, url, metadata);
      expect(headers.get("authorization")).toBe(`Basic ${btoa(`agent:${secret}`)}`);
      expect(params.toString()).toBe("");
    }
  });

  test.each<[what: string, url: (origin: string) => string, issuer?: (origin: string) => string]>([
    ["another origin", () => "https://evil.example/token"],
    [
      "another origin whose metadata names the pinned issuer",
      () => "https://evil.example/token",
      (own) => own,
    ],
    [
      "the right URL from the metadata of another issuer",
      (own) => `${own}/token`,
      () => "https://evil.example",
    ],
    [
      "the right URL from an issuer with an extra trailing slash",
      (own) => `${own}/token`,
      (own) => `${own}/`,
    ],
    ["another path", (own) => `${own}/token2`],
    ["a path in another case", (own) => `${own}/Token`],
    ["an extra trailing slash", (own) => `${own}/token/`],
    ["a query", (own) => `${own}/token?x=1`],
    ["user info", (own) => `${own.replace("http://", "http://x@")}/token`],
    ["a text that is not a URL", () => "token"],
  ])("oauthProvider adds no credential to a request to %s", async (_, url, issuerOf) => {
    const { tools, issuer } = await manager();
    const [headers, params] = [new Headers(), new URLSearchParams({ a: "b" })];
    const metadata = issuerOf === undefined ? undefined : { issuer: issuerOf(issuer) };
    const provider = oauthProvider(tools);
    await expect(
      provider.addClientAuthentication(headers, params, url(issuer), metadata),
    ).rejects.toMatchObject({
      code: "issuer_mismatch",
      server: "tools",
      details: { token_endpoint: url(issuer), ...metadata },
    });
    expect([...headers]).toEqual([]);
    expect(params.toString()).toBe("a=b");
  });

  test("oauthProvider requests the scopes of the config instead of those that the SDK found", async () => {
    const [plain, scoped] = [await manager(), await manager({ scopes: ["read", "write"] })];
    expect((await oauthProvider(plain.tools).prepareTokenRequest("found")).toString()).toBe(
      "grant_type=client_credentials&scope=found",
    );
    expect((await oauthProvider(plain.tools).prepareTokenRequest()).toString()).toBe(
      "grant_type=client_credentials",
    );
    expect((await oauthProvider(scoped.tools).prepareTokenRequest("found")).toString()).toBe(
      "grant_type=client_credentials&scope=read+write",
    );
  });

  test("oauthProvider gives the manager the token that the SDK has obtained", async () => {
    const { tools, tokenRequests, issuer } = await manager();
    const provider = oauthProvider(tools);
    await provider.saveTokens({ access_token: "theirs", token_type: "bearer", expires_in: 60, scope: "a b" });
    expect(await tools.getAccessToken()).toBe("theirs");
    expect(await tools.getToken()).toMatchObject({ tokenType: "Bearer", scopes: ["a", "b"], issuer });
    expect(tools.status()).toMatchObject({ state: "fresh" });
    expect(tokenRequests()).toBe(0);
  });

  test("oauthProvider keeps the current token when a token request of the SDK is refused", async () => {
    const { tools } = await manager();
    const provider = oauthProvider(tools);
    await provider.tokens();
    provider.invalidateCredentials();
    expect(await provider.tokens()).toMatchObject({ access_token: "t1" });
  });

  test("oauthProvider rejects the browser-based steps of the SDK", async () => {
    const { tools } = await manager();
    const provider = oauthProvider(tools);
    expect(() => provider.redirectToAuthorization()).toThrow(/no user signs in with a browser/);
    expect(() => provider.codeVerifier()).toThrow(/no code verifier/);
    expect(provider.saveCodeVerifier()).toBeUndefined();
  });

  test("oauthProvider throws for a grant without a client, and authProvider works with one", async () => {
    const auth = await createMcpAuth({
      config: {
        servers: {
          tools: { url: "http://127.0.0.1:1/mcp", grant: { type: "static", token: { env: "TOKEN" } } },
        },
      },
      env: { TOKEN: "one" },
    });
    onTestFinished(() => auth.stop());
    expect(() => oauthProvider(auth.resolve("tools"))).toThrow(/Use the manager's fetch or authProvider/);
    expect(await authProvider(auth.resolve("tools")).token()).toBe("one");
  });
});

describe("authProvider and oauthProvider", () => {
  test("both providers throw the config error of a server that its config makes unusable", async () => {
    const grant = { client: { issuer: "https://auth.example", id: "agent" } };
    const config = { servers: { tools: { url: "https://${NOWHERE}/mcp", grant } } };
    const auth = await createMcpAuth({ config, env: {} });
    for (const provider of [authProvider, oauthProvider]) {
      expect(() => provider(auth.resolve("tools"))).toThrowError(
        expect.objectContaining({ code: "config_invalid", server: "tools" }),
      );
    }
  });

  test("both providers reject an object that is not a token manager of this package", async () => {
    const { tools } = await manager();
    const { name, url, fetch } = tools;
    // JavaScript code can pass such an object.
    const fake = { name, url, fetch } as unknown as typeof tools;
    for (const provider of [authProvider, oauthProvider]) {
      expect(() => provider(fake)).toThrow("Not a token manager of mcp-auth-runtime.");
    }
  });
});
