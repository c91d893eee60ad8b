// Signs people in at authorization servers that answer in unusual or hostile ways (RFC 8628 §3.2 and §3.5).
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { signIn } from "../../src/cli/login/sign-in.js";
import type { McpAuthConfig } from "../../src/index.js";
import { Canaries } from "../support/canaries.js";
import { type Deferred, deferred } from "../support/deferred.js";
import { type RecordedRequest, sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { snippets } from "../support/snippets.js";
import { unsignedJwt } from "../unit/oauth/fixtures.js";
import { agentSecret, createTestRuntime, startScriptedServer } from "./harness.js";

type CrmConfig = McpAuthConfig<"crm">;

interface Script {
  /** Name of the server in the config. Default: `crm`. */
  readonly name?: string;
  /** Members of the metadata. */
  readonly metadata?: (origin: string) => object;
  /** Members of the device authorization response. */
  readonly device?: (origin: string) => object;
  readonly onDevice?: (response: ServerResponse, request: RecordedRequest) => void;
  /** Answers token requests, in this order, the last one again and again. */
  readonly tokens?: readonly ((response: ServerResponse, request: RecordedRequest) => void)[];
  /** Members of the client in the config. */
  readonly client?: (origin: string) => object;
  readonly grant?: object;
  /** When the test goes on, if that is before the command waits for a person. */
  readonly until?: Deferred<void>;
}

const error =
  (code: string, status = 400, more: object = {}) =>
  (response: ServerResponse): void =>
    sendJson(response, { error: code, ...more }, status);
const pending = error("authorization_pending");
const granted =
  (members: object = {}) =>
  (response: ServerResponse): void =>
    sendJson(response, {
      ...{ access_token: "a1-of-the-test", token_type: "Bearer", expires_in: 3_600 },
      ...{ refresh_token: "r1-of-the-test", ...members },
    });
const deviceCode = "d3v1ce-code-of-the-test";

/** Starts a scripted server, and somebody who runs the command there. */
async function start(script: Script = {}) {
  const { name = "crm", tokens = [granted()] } = script;
  const server = await startScriptedServer((request, response) => {
    const { origin } = server;
    switch (request.url) {
      case "/.well-known/oauth-authorization-server":
        return sendJson(response, {
          ...{ issuer: origin, token_endpoint: `${origin}/token` },
          ...{ device_authorization_endpoint: `${origin}/device_authorization` },
          ...script.metadata?.(origin),
        });
      case "/device_authorization":
        if (script.onDevice !== undefined) return script.onDevice(response, request);
        return sendJson(response, {
          ...{ device_code: deviceCode, user_code: "WDJB-MJHT", expires_in: 600 },
          ...{ verification_uri: `${origin}/device`, ...script.device?.(origin) },
        });
      case "/token":
        return (tokens[tokenRequests().length - 1] ?? tokens.at(-1))?.(response, request);
      default:
        return sendJson(response, {}, 404);
    }
  });
  const tokenRequests = () => server.requests.filter(({ url }) => url === "/token");
  const { origin } = server;
  const client = { issuer: origin, id: "agent", secret: { env: "SECRET" }, ...script.client?.(origin) };
  const config: McpAuthConfig = {
    servers: {
      [name]: { url: `${origin}/mcp`, grant: { type: "refresh_token", client, ...script.grant } },
    },
  };
  const memory = sharedMemory();
  const live = liveClock();
  const { clock, fetch } = live;
  const auth = await createTestRuntime({
    ...{ config, store: memory.store(), clock, fetch },
    env: { SECRET: agentSecret },
  });
  const shown: string[] = [];
  const sentBefore: number[] = [];
  const interrupt = new AbortController();
  const report = signIn(auth.resolve(name), {
    print: {
      note(text) {
        shown.push(text);
        sentBefore.push(server.requests.length);
      },
    },
    signal: interrupt.signal,
    waitFor: (_what, work) => work,
  });
  report.catch(() => {});
  // A request that is not answered never lets the clock come to rest.
  await Promise.race([live.quiet(), script.until?.promise].filter((each) => each !== undefined));
  return {
    ...{ server, memory, live, report, interrupt, sentBefore, tokenRequests },
    shown: () => shown.join("\n"),
    /** Lets the person take a while, and returns the error. */
    async fails(seconds = 30) {
      await live.advance(seconds * 1_000);
      return await rejectionOf(report);
    },
  };
}

const formOf = ({ body }: RecordedRequest) => Object.fromEntries(new URLSearchParams(body));

test("the command shows what the person is asked for before anything is sent", async () => {
  const { server, shown, sentBefore, live, report } = await start({ grant: { scopes: ["openid", "use"] } });
  const { origin } = server;
  expect(sentBefore[0]).toBe(0);
  const [before] = shown().split("\n\n");
  expect(before).toBe(
    [
      'Signing in to "crm"',
      `  server    ${origin}/mcp`,
      `  issuer    ${origin}`,
      "  client    agent",
      "  scopes    openid use",
      "  resource  (as the server names it)",
    ].join("\n"),
  );
  await live.advance(5_000);
  await report;
});

test("docs/cli.md shows what the command prints", async () => {
  const { live, report, shown, server } = await start({
    name: "mail",
    grant: { scopes: ["openid", "offline_access", "mail:read"] },
    tokens: [
      (response, { headers }) => {
        const iss = `http://${headers.host ?? ""}`;
        const person = { sub: "248289761001", name: "Ada", email: "ada@mail.example" };
        granted({ id_token: unsignedJwt({ iss, aud: "agent", ...person }) })(response);
      },
    ],
  });
  await live.advance(5_000);
  await report;
  const printed = shown()
    .replaceAll(`${server.origin}/mcp`, "https://mcp.mail.example/")
    .replaceAll(server.origin, "https://auth.mail.example");
  const root = new URL("../../", import.meta.url);
  const documented = snippets(root, "docs/cli.md").find(({ mark }) => mark === "output of login");
  expect(documented?.code.trim()).toBe(printed);
});

test("the requests of the device flow have these fields and no others", async () => {
  const { server, live, report, tokenRequests } = await start({
    client: () => ({ headers: { "X-Tenant": "acme" } }),
    grant: { scopes: ["openid", "use"], audience: "api://crm", params: { tenant: "acme" } },
  });
  await live.advance(5_000);
  await report;
  const common = { resource: `${server.origin}/mcp`, tenant: "acme" };
  const [device] = server.requests.filter(({ url }) => url === "/device_authorization");
  expect(device && formOf(device)).toEqual({
    ...{ client_id: "agent", scope: "openid use", audience: "api://crm", ...common },
  });
  const [token] = tokenRequests();
  expect(token && formOf(token)).toEqual({
    ...{ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: deviceCode, ...common },
  });
  const basic = `Basic ${Buffer.from(`agent:${agentSecret}`).toString("base64")}`;
  for (const request of [device, token])
    expect(request?.headers).toMatchObject({ authorization: basic, "x-tenant": "acme" });
});

test("slow_down and temporary failures make the pauses longer, and do not end the sign-in", async () => {
  const at: number[] = [];
  const noting = (answer: (response: ServerResponse, request: RecordedRequest) => void) =>
    ((response, request) => {
      at.push(live.clock.now());
      answer(response, request);
    }) satisfies typeof answer;
  const answers = [pending, error("slow_down"), error("x", 503), pending, granted()];
  const { live, report } = await start({ tokens: answers.map(noting) });
  const began = live.clock.now();
  await live.advance(90_000);
  await report;
  expect(at.map((time) => (time - began) / 1_000)).toEqual([5, 10, 20, 40, 50]);
});

test("a server that is away for a moment does not end the sign-in", async () => {
  const { live, report } = await start({
    tokens: [(response) => void response.destroy(), pending, granted()],
  });
  await live.advance(60_000);
  expect((await report).server).toBe("crm");
});

test.each([
  ["access_denied", "the sign-in was refused, by the person or by the authorization server"],
  ["expired_token", "nobody signed in before the code expired"],
])("the error %s of the server ends the sign-in", async (oauthError, text) => {
  const { fails, tokenRequests } = await start({ tokens: [pending, error(oauthError)] });
  const failure = await fails();
  expect(failure).toMatchObject({ code: "token_request_rejected", oauthError });
  expect(failure.message).toContain(text);
  expect(tokenRequests().length).toBe(2);
});

test("a client that may not use the device flow is told so at the first request", async () => {
  const { fails } = await start({
    onDevice: (response) => error("unauthorized_client")(response),
  });
  const failure = await fails();
  expect(failure).toMatchObject({ code: "token_request_rejected", oauthError: "unauthorized_client" });
  expect(failure.message).toMatch(/the device authorization endpoint of http\S+ rejected the request \(400/);
  expect(failure.message).toContain("urn:ietf:params:oauth:grant-type:device_code");
});

test.each<[string, (response: ServerResponse) => void, string, string]>([
  ["a page", (response) => void response.end("<html>"), "token_response_invalid", "it is not a JSON object"],
  [
    "too much",
    (response) => void response.end("x".repeat(2_000_000)),
    "token_response_invalid",
    "not a JSON",
  ],
  [
    "a redirect",
    (response) => void response.writeHead(307, { location: "/x" }).end(),
    "token_request_rejected",
    "307",
  ],
  [
    "an outage",
    (response) => void response.writeHead(503).end(),
    "unavailable",
    "is not available now (503)",
  ],
])(
  "the command ends if the device authorization endpoint answers with %s",
  async (_, onDevice, code, text) => {
    const { fails, tokenRequests } = await start({ onDevice });
    const failure = await fails();
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(text)]);
    expect(tokenRequests()).toEqual([]);
  },
);

test("an authorization server without the endpoint cannot be signed in to, and the message says what to do", async () => {
  const { fails, server } = await start({ metadata: () => ({ device_authorization_endpoint: undefined }) });
  const failure = await fails();
  expect(failure.code).toBe("unsupported_by_server");
  expect(failure.message).toContain('set "deviceAuthorizationEndpoint" in the client\'s "metadata"');
  expect(server.requests.every(({ url }) => url.startsWith("/.well-known/"))).toBe(true);
});

test("the endpoint in the config is used for a server without metadata", async () => {
  const { live, report, server } = await start({
    client: (origin) => ({
      metadata: {
        tokenEndpoint: `${origin}/token`,
        deviceAuthorizationEndpoint: `${origin}/device_authorization`,
      },
    }),
  });
  await live.advance(5_000);
  await report;
  expect(server.requests.map(({ url }) => url)).not.toContain("/.well-known/oauth-authorization-server");
});

test.each([
  "http://10.0.0.1/device_authorization",
  "http://auth.example/device_authorization",
  "https://user:password@auth.example/device_authorization",
  "https://169.254.169.254/device_authorization",
])("no credential goes to the device authorization endpoint %s", async (endpoint) => {
  const { fails } = await start({ metadata: () => ({ device_authorization_endpoint: endpoint }) });
  const failure = await fails();
  expect(failure.code).toBe("insecure_url");
  expect(failure.message).not.toContain("device_authorization");
});

test.each([
  ["javascript:alert(1)", "insecure_url"],
  ["http://evil.example/device", "insecure_url"],
  ["https://auth.example@evil.example/", "insecure_url"],
  ["https://auth.example/\u001b[2J", "token_response_invalid"],
])("nobody is sent to %j, and the device code is not used", async (page, code) => {
  const { fails, shown, tokenRequests } = await start({ device: () => ({ verification_uri: page }) });
  const failure = await fails();
  expect(failure.code).toBe(code);
  expect(`${shown()}${failure.message}`).not.toMatch(/evil|javascript|enter the code/);
  expect(tokenRequests()).toEqual([]);
});

test("what a server says appears only escaped", async () => {
  const claims = { iss: "", aud: "agent", sub: "u1", name: "\u001b]0;owned\u0007\n::add-mask::Ada" };
  const { live, report, shown } = await start({
    device: (origin) => ({
      user_code: "AB\u001b[31m\n::warning::CD",
      verification_uri_complete: `${origin}/device?code=1`,
    }),
    tokens: [
      (response, request) => {
        const iss = `http://${request.headers.host ?? ""}`;
        granted({ id_token: unsignedJwt({ ...claims, iss }), scope: "use" })(response);
      },
    ],
  });
  await live.advance(5_000);
  await report;
  expect(shown()).toContain("  AB\\u001b[31m\\u000a::warning::CD\n");
  expect(shown()).toContain("as \\u001b]0;owned\\u0007\\u000a::add-mask::Ada (u1). Scopes: use.");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  expect(shown()).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(shown()).toMatch(/check that it shows the code:\n {2}http:\S+\/device\?code=1\n/);
});

test("a server that issues no refresh token is told apart, and the message names offline_access", async () => {
  const { fails, memory } = await start({ tokens: [granted({ refresh_token: undefined })] });
  const failure = await fails();
  expect(failure.code).toBe("token_response_invalid");
  expect(failure.message).toContain('Add "offline_access" to the "scopes" of the grant');
  expect(await memory.store().keys("")).toEqual([]);
});

test.each([
  [{ refresh_expires_in: 86_400 }, /It expires \d{4}-\d\d-\d\dT[\d:.]+Z\.$/],
  [{ refresh_token_expires_in: "86400" }, /It expires \d{4}-/],
  [{ refresh_expires_in: 0 }, /The server does not say when it expires\.$/],
  [{ refresh_expires_in: 1e300 }, /It expires 9999-12-31/],
  [{}, /The server does not say when it expires\.$/],
])("the expiry of the refresh token is shown: %j", async (members, text) => {
  const { live, report, shown } = await start({ tokens: [granted(members)] });
  await live.advance(5_000);
  await report;
  expect(shown()).toMatch(text);
  expect(shown()).toContain("(the server does not say who)");
});

test("scopes and a resource that only the server names are shown before the code is", async () => {
  const { shown, report, live, server } = await start();
  expect(shown()).toContain("  scopes    (those that the server names)");
  expect(shown()).toContain("The server names no scopes: the authorization server decides");
  await live.advance(5_000);
  await report;
  expect(server.requests.some(({ url }) => url.startsWith("/.well-known/oauth-protected-resource"))).toBe(
    true,
  );
});

test("an interrupt ends the command while the server does not answer", async () => {
  const until = deferred<void>();
  const { report, interrupt } = await start({ onDevice: () => until.resolve(), until });
  interrupt.abort();
  expect((await rejectionOf(report)).code).toBe("aborted");
});

test("the command is only for the grant refresh_token", async () => {
  const { fails, server } = await start({ grant: { type: "client_credentials" } });
  const failure = await fails();
  expect(failure.code).toBe("config_invalid");
  expect(failure.message).toContain("nobody signs in for the grant client_credentials");
  expect(server.requests).toEqual([]);
});

test("a store that cannot be written ends the command before anything is sent", async () => {
  const { config, requests } = await startUnused();
  const fail = () => Promise.reject(new Error("down"));
  const store = sharedMemory().store({ withLock: fail, set: fail });
  const auth = await createTestRuntime<"crm">({ config, store, env: { SECRET: agentSecret } });
  auth.on("store:down", () => {});
  const print = { note: () => {} };
  const { signal } = new AbortController();
  const failure = await rejectionOf(
    signIn(auth.resolve("crm"), { print, signal, waitFor: (_what, work) => work }),
  );
  expect(failure.code).toBe("store_unavailable");
  expect(requests()).toEqual([]);
});

/** Starts a server that nobody should ask. */
async function startUnused() {
  const server = await startScriptedServer((_request, response) => sendJson(response, {}, 500));
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const grant = { type: "refresh_token", client } as const;
  const config: CrmConfig = { servers: { crm: { url: `${server.origin}/mcp`, grant } } };
  return { config, requests: () => server.requests };
}

test("no output has the device code, a token or a credential, even if the server quotes them", async () => {
  const canaries = new Canaries();
  const [device, refresh, access] = [
    canaries.word("device code"),
    canaries.word("refresh"),
    canaries.word("access"),
  ];
  canaries.plant("client secret", agentSecret);
  const quoting =
    (more: object) =>
    (response: ServerResponse, request: RecordedRequest): void =>
      error("invalid_grant", 400, {
        error_description: `You sent ${request.body} and ${String(request.headers["authorization"])}, ${device}`,
        ...more,
      })(response);
  const failing = await start({ device: () => ({ device_code: device }), tokens: [pending, quoting({})] });
  const failure = await failing.fails();
  expect(failure.code).toBe("token_request_rejected");
  const said = JSON.stringify([failure.details, failure.message, String(failure.stack), failing.shown()]);
  expect(canaries.find(said)).toEqual([]);
  const working = await start({
    device: () => ({ device_code: device }),
    tokens: [granted({ refresh_token: refresh, access_token: access })],
  });
  await working.live.advance(5_000);
  const report = await working.report;
  expect(canaries.find(`${working.shown()}${JSON.stringify(report)}`)).toEqual([]);
});

test("no output has a token or a credential that a server puts into a scope or into what it says about the person", async () => {
  const canaries = new Canaries();
  const [refresh, access] = [canaries.word("refresh"), canaries.word("access")];
  canaries.plant("client secret", agentSecret);
  const { server, live, shown, report } = await start({
    tokens: [
      (response) => {
        const claims = {
          iss: server.origin,
          aud: "agent",
          sub: access,
          name: `Ada ${refresh}`,
          email: agentSecret,
        };
        const quoting = { access_token: access, refresh_token: refresh, scope: `read ${refresh}` };
        granted({ ...quoting, id_token: unsignedJwt(claims) })(response);
      },
    ],
  });
  await live.advance(5_000);
  const done = await report;
  expect(canaries.find(`${shown()}${JSON.stringify(done)}`)).toEqual([]);
  expect(done.user?.name).toBe("Ada <secret>");
});
