import { inspect } from "node:util";
import { expect } from "vitest";
import type { ClientSpec, GrantCommon, GrantSpec, ServerSpec } from "../../../src/config/spec.js";
import { MetadataCache } from "../../../src/discovery/metadata-cache.js";
import type { Dpop } from "../../../src/dpop/dpop.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { type Clock, systemClock } from "../../../src/lib/clock.js";
import type { Secret } from "../../../src/lib/secret.js";
import { ServerClocks } from "../../../src/net/server-clocks.js";
import {
  type AttemptOptions,
  type AttemptRequest,
  createAttempt,
  type ManagerState,
  type OAuthRuntime,
} from "../../../src/oauth/attempt.js";
import { createGrant } from "../../../src/oauth/grants/create-grant.js";
import type { IssuedToken } from "../../../src/oauth/issued-token.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { type Handler, type HttpServer, sendJson, startHttpServer } from "../../support/http-server.js";

/** 2026-09-13T12:26:40.500Z, constant. Timers are those of the system. */
export const now = 1_789_302_400_500;
export const clock: Clock = { now: () => now, setTimeout: systemClock.setTimeout };

export const secret = "canary-5ecret";
const env = { CRM_SECRET: secret };

export interface AuthorizationServer extends HttpServer {
  /** The token requests so far. */
  tokenRequests(): HttpServer["requests"];
}

/** Starts an authorization server and, under `/mcp`, an MCP server without resource metadata, on one origin. */
export async function startAuthorizationServer(
  token: Handler,
  metadata: object | (() => object) = {},
): Promise<AuthorizationServer> {
  const server = await startHttpServer(async (request, response) => {
    const { origin } = server;
    if (request.method === "POST") return await token(request, response);
    if (request.url === "/.well-known/oauth-authorization-server") {
      const more = typeof metadata === "function" ? metadata() : metadata;
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token`, ...more });
    }
    response.writeHead(404).end();
  });
  return Object.assign(server, {
    tokenRequests: () => server.requests.filter(({ method }) => method === "POST"),
  });
}

export const secretClient = (issuer: string, more: Partial<ClientSpec> = {}): ClientSpec => ({
  issuer,
  id: "crm-agent",
  credential: { kind: "secret", secret: { env: "CRM_SECRET" } },
  ...more,
});

type WithoutCommon<G> = G extends GrantSpec
  ? Omit<G, "audience" | "params"> & Partial<Pick<GrantCommon, "audience" | "params">>
  : never;

export function serverSpec(
  origin: string,
  grant: WithoutCommon<GrantSpec>,
  more: Partial<ServerSpec> = {},
): ServerSpec {
  return {
    name: "crm",
    url: `${origin}/mcp`,
    grant: { audience: [], params: {}, ...grant },
    headers: {},
    stepUp: [],
    refresh: { automatic: true, timezone: "UTC", jitter: 0.2, assumedLifetime: 300_000 },
    timeout: 5_000,
    deadline: 10_000,
    retry: { attempts: 1, min: 1, max: 1 },
    reach: "origin",
    ...more,
  };
}

export function oauthRuntime(more: Partial<OAuthRuntime> = {}): OAuthRuntime {
  const network = { fetchAs: () => fetch };
  return {
    ...{ fetch, clock, env, network },
    serverClocks: new ServerClocks(more.clock ?? clock),
    metadata: new MetadataCache({ fetch, clock }),
    ...more,
  };
}

/** The parts of a runtime, a manager and a token cache that a test sets. */
export interface GrantSettings extends Partial<OAuthRuntime>, Pick<AttemptOptions, "scopes"> {
  readonly dpop?: Dpop;
  readonly challenge?: ManagerState["challenge"];
  readonly subjectToken?: () => Promise<Secret>;
  readonly credentials?: CredentialMemory;
  /** The state that the grant updates. */
  readonly manager?: ManagerState;
}

export type TestGrant = (request: AttemptRequest) => Promise<IssuedToken>;

/** Returns the grant of a server. Like the runtime, it creates a new context for each attempt. */
export function grantFor(spec: ServerSpec, settings: GrantSettings = {}): TestGrant {
  const { scopes, dpop, challenge, subjectToken, credentials = new CredentialMemory(), ...more } = settings;
  const runtime = oauthRuntime(more);
  const manager: ManagerState = Object.assign(more.manager ?? {}, {
    ...(dpop && { dpop: async () => dpop }),
    ...(challenge && { challenge }),
    ...(subjectToken && { subject: { key: () => "user", token: subjectToken } }),
  });
  const warned = new Set<string>();
  const grant = createGrant(spec.grant);
  return async (request) => {
    const recorder = request.recorder ?? new CredentialRecorder(runtime.clock, credentials, request.signal);
    return await grant(createAttempt(runtime, { spec, manager, scopes, warned, ...request, recorder }));
  };
}

/** Returns a grant for an MCP server and an authorization server on one origin. */
export function grantOf(
  origin: string,
  grant: Parameters<typeof serverSpec>[1],
  more: GrantSettings = {},
): TestGrant {
  return grantFor(serverSpec(origin, grant), more);
}

/** Returns the fields of a token request in the order in which they were sent. */
export function fieldsOf(
  request: { readonly body: string } | undefined,
): readonly (readonly [string, string])[] {
  return [...new URLSearchParams(request?.body)];
}

/** Returns a JWT with an invalid signature. */
export function unsignedJwt(claims: object, header: object = { alg: "none" }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${Buffer.from("signature").toString("base64url")}`;
}

/** Returns a client credentials grant for an MCP server and an authorization server on one origin. */
export function clientCredentialsGrant(
  origin: string,
  client: ClientSpec = secretClient(origin),
  more: GrantSettings = {},
  scopes?: readonly string[],
): TestGrant {
  const grant = { type: "client_credentials", client, ...(scopes === undefined ? {} : { scopes }) } as const;
  return grantOf(origin, grant, more);
}

export const signal = (): AbortSignal => new AbortController().signal;

/** Returns the error that a grant rejects with, and asserts that it shows none of the canaries. */
export async function failureOf(
  attempt: Promise<unknown>,
  canaries: readonly string[] = [secret],
): Promise<McpAuthError> {
  const error: unknown = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  expect(error.cause).toBeUndefined();
  expect(error.server).toBe("crm");
  const shown = [
    error.message,
    error.stack,
    String(error),
    inspect(error, { depth: 9, showHidden: true }),
    JSON.stringify(error),
  ].join("\n");
  for (const canary of canaries) expect(shown).not.toContain(canary);
  return error;
}
