import type { ClientCredentialsSpec, ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { assertUrlOfServer } from "../http/server-url.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import { isVerificationOff, verificationIsOff } from "../net/environment.js";
import { type AttemptContext, createAttempt, type ManagerState } from "../oauth/attempt.js";
import type { StoreCommands } from "../sharing/store-commands.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { TokenCache } from "../tokens/cache.js";
import { Token } from "../tokens/token.js";
import { auditToken, issuerOf } from "./audit-token.js";
import type { CachesByScope } from "./caches-by-scope.js";
import { HostRefusals } from "./host-refusals.js";
import type {
  CurrentToken,
  HostTokenRequest,
  HostTokenResponse,
  ManagerInternals,
} from "./manager-internals.js";
import type { RuntimeContext } from "./runtime-context.js";
import { senderConstrained } from "./sender-constrained.js";

/** The parts of a manager that its internals need. */
export interface InternalsContext {
  readonly caches: CachesByScope;
  readonly manager: ManagerState;
  /** Returns the metadata of the MCP server and its authorization server, and fetches it if it is not known yet. */
  readonly learnTarget: () => Promise<Target | undefined>;
  /** Explains why the server may refuse new tokens too. */
  readonly explainRefusal: (token: Token, challenge: string | null) => Promise<McpAuthError>;
  readonly limits: Pick<WaitLimits, "run">;
  readonly stepUp: ManagerInternals["stepUp"];
}

/** Creates the internals of a manager, which adapters use. */
export function createManagerInternals(
  spec: ServerSpec,
  runtime: RuntimeContext,
  context: InternalsContext,
): ManagerInternals {
  const { grant, name: server } = spec;
  const { clock, events } = runtime;
  const { caches } = context;
  // The only grant whose token requests a host can send itself. It would use the access token.
  const clientCredentials =
    grant.type === "client_credentials" && grant.use === undefined ? grant : undefined;
  const refusals = new HostRefusals({ caches, clock, explain: context.explainRefusal });
  return {
    now: () => clock.now(),
    deadline: spec.deadline,
    reportRefused: (accessToken, challenge = null) => refusals.refused(accessToken, challenge),
    reportAccepted: (accessToken) => refusals.accepted(accessToken),
    currentToken: () => unexpiredToken(caches.defaultCache, clock.now()),
    async acceptTokenResponse(response) {
      const token = await validatedToken(
        spec,
        response,
        clock.now(),
        context.manager.target?.resource ?? spec.url,
      );
      const { latest: previous } = caches.defaultCache;
      caches.defaultCache.accept(token);
      const reason = "rejected";
      auditToken(events, spec, { token, previous, reason });
      events.measurements.add("renewals", 1, { ...events.measurements.attributesOf(server), reason });
      const { expiresAt } = token;
      events.emit("token:renewed", { server, issuer: issuerOf(grant), reason, durationMs: 0, expiresAt });
    },
    client: registeredClient(clientCredentials),
    scopes: async (named) =>
      withStepUp(spec, caches.scopes, named) ?? named ?? (await context.learnTarget())?.scopes ?? [],
    stepUp: context.stepUp,
    plainHeaders: Object.fromEntries(
      Object.entries(spec.headers).flatMap(([name, value]) =>
        typeof value === "string" ? [[name, value] as const] : [],
      ),
    ),
    secretHeaders: Object.entries(spec.headers).flatMap(([name, value]) =>
      typeof value === "string" ? [] : [name],
    ),
    assertUrlOfServer(url, what) {
      assertUrlOfServer(server, { url: new URL(spec.url), reach: spec.reach }, url, what);
    },
    attempt: (options) => createAttempt(runtime, { spec, manager: context.manager, ...options }),
    store: runtime.store && lazyStoreCommands(spec, runtime.store, runtime),
    async authenticate(request) {
      if (clientCredentials === undefined) return;
      await context.limits.run("the credential of its client", undefined, async (signal) => {
        const attempt = createAttempt(runtime, { spec, manager: context.manager, signal });
        await authenticate(clientCredentials, attempt, request);
      });
    },
  };
}

function registeredClient(grant: ClientCredentialsSpec | undefined): ManagerInternals["client"] {
  const { id, issuer } = grant?.client ?? {};
  return id === undefined || issuer === undefined ? undefined : { id, issuer };
}

function unexpiredToken({ latest }: TokenCache, now: number): CurrentToken | "bound" | undefined {
  if (latest === undefined || latest.expiresAt <= now) return undefined;
  const { accessToken, tokenType, binding } = latest;
  if (binding?.dpopSigner !== undefined || binding?.certificate?.bound === true) return "bound";
  return { accessToken, authorization: `${tokenType} ${accessToken}` };
}

/** Returns `scopes` and those in `named` that the config allows as a step-up, `undefined` without `scopes`. */
function withStepUp(
  { stepUp }: ServerSpec,
  scopes: readonly string[] | undefined,
  named: readonly string[] = [],
): readonly string[] | undefined {
  return scopes && [...new Set([...scopes, ...named.filter((scope) => stepUp.includes(scope))])];
}

/** Returns the store commands. Their code is loaded on first use. */
function lazyStoreCommands(spec: ServerSpec, store: SharedStore, runtime: RuntimeContext): StoreCommands {
  const load = async (): Promise<StoreCommands> =>
    (await import("../sharing/store-commands.js")).storeCommands(spec, store, runtime);
  return {
    forget: async () => await (await load()).forget(),
    forgetEverything: async () => await (await load()).forgetEverything(),
    revoke: async (signal) => await (await load()).revoke(signal),
    hasRefreshToken: async (...args) => await (await load()).hasRefreshToken(...args),
    replaceRefreshToken: async (...args) => await (await load()).replaceRefreshToken(...args),
    isNewToken: async (token) => await (await load()).isNewToken(token),
  };
}

/** Validates a token response that a host received, in the same way as a response to a request of this package. */
async function validatedToken(
  spec: ServerSpec,
  response: HostTokenResponse,
  now: number,
  resource: string,
): Promise<Token> {
  const { name: server, grant, refresh, url } = spec;
  const { readTokenResponse } = await import("../oauth/token-endpoint/token-response.js");
  const headers = new Headers({ "content-type": "application/json" });
  const scopes = grant.scopes ?? [];
  const answer = { response: { status: 200, headers, body: JSON.stringify(response) }, scopes };
  const issuer = issuerOf(grant);
  const credential = grant.type === "static" ? "none" : grant.client.credential.kind;
  const name = "the token endpoint at the host";
  const grantInUse = { grantType: grant.type, presents: "client", dpop: false } as const;
  const endpoint = { ...grantInUse, server, issuer: issuer ?? url, name, credential, hasClientId: true };
  const { spelling: _, ...issued } = await readTokenResponse(answer, endpoint, now);
  const lifetime = issued.expiresIn === undefined ? refresh.assumedLifetime : issued.expiresIn * 1_000;
  return new Token({ ...issued, requestedAt: now, expiresAt: now + lifetime, issuer, resource });
}

/** Adds the client's credential to a request to the token endpoint of the config. Rejects for any other endpoint. */
async function authenticate(
  { client, resource, audience, params }: ClientCredentialsSpec,
  attempt: AttemptContext,
  request: HostTokenRequest,
): Promise<void> {
  const { server, manager } = attempt;
  const { dpop } = attempt.spec;
  const { issuer, id = "" } = client;
  // The host sends the request over its own connections, to which NODE_TLS_REJECT_UNAUTHORIZED applies.
  if (isHttps(request.url) && isVerificationOff(process.env)) {
    throw new McpAuthError("tls_failed", `Server "${server}": nothing was sent. ${verificationIsOff}`, {
      server,
    });
  }
  if (request.issuer !== undefined && request.issuer !== issuer) throw wrongTokenEndpoint(server, request);
  const { findAuthorizationServer } = await import("../discovery/find-target.js");
  const { wantedAuthorizationServer } = await import("../oauth/wanted-authorization-server.js");
  const lookup = wantedAuthorizationServer(client, attempt);
  const authorizationServer = await findAuthorizationServer(attempt.metadata, lookup);
  if (!isSameUrl(request.url, authorizationServer.token_endpoint)) throw wrongTokenEndpoint(server, request);
  const { authenticateClient } = await import("../oauth/client-auth/authenticate-client.js");
  const signing = {
    time: attempt.serverClocks.at(request.url),
    url: authorizationServer.token_endpoint,
    onSigned(kid: string | undefined) {
      manager.kid = kid;
    },
  };
  const { apply, identity } = await authenticateClient(client, authorizationServer, signing, attempt);
  if (identity !== undefined || dpop !== undefined) {
    const problem = "its tokens are bound to a key or certificate that the host does not have.";
    throw senderConstrained(server, `${problem} Use the manager's \`fetch\`.`);
  }
  const { readParams } = await import("../oauth/grants/token-grant.js");
  const { params: extraParams } = await readParams(params, attempt);
  // The host takes `resource` from the server's metadata, and does not know the other parameters.
  if (resource === false) request.body.delete("resource");
  else if (resource !== undefined) request.body.set("resource", resource);
  for (const value of audience) request.body.append("audience", value);
  for (const [name, value] of extraParams) request.body.append(name, value);
  const { addClientHeaders, readClientHeaders } = await import("../oauth/client-headers.js");
  const clientHeaders = await readClientHeaders(client, attempt);
  addClientHeaders(request.headers, clientHeaders);
  await apply({ ...authorizationServer }, { client_id: id }, request.body, request.headers);
  const { rememberSent } = await import("../oauth/token-endpoint/remember-sent.js");
  rememberSent(request.headers, request.body, { headers: clientHeaders.secret });
}

function isHttps(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === "https:";
}

function isSameUrl(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href;
}

function wrongTokenEndpoint(server: string, { url, issuer }: HostTokenRequest): McpAuthError {
  return new McpAuthError(
    "issuer_mismatch",
    `The host wanted to send the credential for server "${server}" to another token endpoint than that of the ` +
      "issuer in the config; nothing was sent. Check which authorization server the MCP server names.",
    { server, details: { issuer, token_endpoint: url } },
  );
}
