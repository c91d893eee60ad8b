import type { ClientSpec, ConfigSpec, ServerEntry, ServerSpec } from "../config/spec.js";
import { type ServerChallenge, serverChallenge } from "../discovery/challenge.js";
import { findAuthorizationServer, findResource, type UsableResource } from "../discovery/find-target.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import { McpAuthError } from "../errors/error.js";
import { loadTlsIdentity } from "../keys/load-tls-identity.js";
import { systemClock } from "../lib/clock.js";
import { createPermissions } from "../lib/permissions.js";
import { Secret } from "../lib/secret.js";
import { pause } from "../lib/wait.js";
import { boundedFetch, type FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl } from "../net/egress.js";
import { platformFetch } from "../net/own-requests.js";
import { backoffDelay } from "../net/retry.js";
import { ServerClocks } from "../net/server-clocks.js";
import { type AttemptContext, createAttempt } from "../oauth/attempt.js";
import type { Introspection } from "../oauth/introspect-token.js";
import { metadataHeaders } from "../oauth/metadata-headers.js";
import { wantedAuthorizationServer } from "../oauth/wanted-authorization-server.js";
import type { SharedStore } from "../stores/shared-store.js";
import { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import type { Token } from "../tokens/token.js";
import { Events, type Logger } from "./events.js";
import { LiveServer } from "./live-server.js";
import { createRuntimeContext, type RuntimeContext } from "./runtime-context.js";
import { hasRuntimeSubject } from "./subjects.js";
import { unknownServer } from "./unknown-server.js";

/** What a server said to a request without a token. */
export interface UnauthenticatedAnswer {
  readonly status: number;
  readonly challenge: ServerChallenge | undefined;
  readonly location: string | null;
}

/** Something wrong that did not stop a token request. */
export interface InspectionWarning {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/**
 * A server of the config, step by step. Each step runs the code of a token request, so it has the same outcome. All
 * methods reject with `McpAuthError`, as a token request does.
 */
export interface InspectedServer {
  readonly spec: ServerSpec;
  /** Whether its tokens are for users that only code knows. */
  readonly isForUsers: boolean;
  /** What keys and secrets are read with. */
  context(signal: AbortSignal): AttemptContext;
  /** Sends a `ping` without a token, with the headers and the certificate of the config. */
  sendWithoutToken(signal: AbortSignal): Promise<UnauthenticatedAnswer>;
  resourceMetadata(signal: AbortSignal): Promise<UsableResource>;
  /** Returns the metadata of the authorization server of one of its clients. */
  authorizationServer(client: ClientSpec, signal: AbortSignal): Promise<AuthorizationServerMetadata>;
  /** Milliseconds that the clock at a URL is ahead of ours; `undefined` if it has not told its time. */
  clockOffset(url: string): number | undefined;
  /** Requests a token. It is kept only in memory, but a rotated refresh token is stored. */
  token(signal: AbortSignal): Promise<Token>;
  /** Warnings of the token requests so far. */
  readonly warnings: readonly InspectionWarning[];
  introspect(
    token: Token,
    client: ClientSpec,
    metadata: AuthorizationServerMetadata,
    signal: AbortSignal,
  ): Promise<Introspection>;
  /** The authorized `fetch` of the server, with the same token. */
  readonly fetch: FetchFunction;
  /** Why the last token, or the last request for one, was refused. */
  status(): { readonly lastError?: McpAuthError };
}

/** A server with a mistake in the config. */
export type UnusableEntry = Extract<ServerEntry, { readonly failure: McpAuthError }>;

/** The servers and the store of a config, for a look at them. */
export interface Inspection {
  readonly store: SharedStore | undefined;
  /** Returns a server, or the reason why it cannot be used. Throws `unknown_server`. */
  server(name: string): InspectedServer | UnusableEntry;
  /** Returns a server as the config might describe it, with what is known of its metadata. */
  variant(spec: ServerSpec, options: VariantOptions): InspectedServer;
  close(): Promise<void>;
}

export interface VariantOptions {
  /** Wraps the function that sends token requests. */
  readonly around: (send: FetchFunction) => FetchFunction;
  readonly resolvers?: RuntimeContext["resolvers"];
}

/**
 * Opens a config for a look at each step of a token request. Nothing comes from the store, and nothing goes there except
 * rotated refresh tokens: the tokens of a fleet stay as they are.
 */
export function inspectConfig(
  spec: ConfigSpec,
  { env }: { readonly env: Readonly<Record<string, string | undefined>> },
): Inspection {
  const clock = systemClock;
  const events = new Events(silent);
  const shared = createRuntimeContext(
    {
      ...{ fetch: platformFetch(), serverClocks: new ServerClocks(clock), clock, env, events },
      ...{ resolvers: undefined, signers: undefined, ownStore: undefined, hasOwnFetch: false },
      permissions: createPermissions({ environments: [env, process.env] }),
      retryAfterRegistry: new RetryAfterRegistry(),
    },
    spec,
  );
  const insecureHosts = spec.network.allowInsecureHttp;
  const runtime: RuntimeContext = {
    ...shared,
    store: undefined,
    metadata: new MetadataCache({ fetch: shared.fetch, clock, insecureHosts }),
  };
  const warnings = new Map<string, InspectionWarning[]>();
  events.on("token:warning", ({ server, code, message }) => {
    warnings.set(server, [...(warnings.get(server) ?? []), { code, message }]);
  });
  const opened: LiveServer[] = [];
  return {
    store: shared.store,
    server(name) {
      const entry = spec.servers.get(name);
      if (entry === undefined) throw unknownServer(name, spec.servers.names);
      if ("failure" in entry) return entry;
      const live = new LiveServer(entry.spec, runtime);
      opened.push(live);
      return inspectServer(entry.spec, runtime, live, () => warnings.get(name) ?? []);
    },
    variant(changed, { around, resolvers }) {
      const context = { ...runtime, fetch: around(runtime.fetch), resolvers };
      const live = new LiveServer(changed, context);
      opened.push(live);
      return inspectServer(changed, context, live, () => []);
    },
    async close() {
      await Promise.all(opened.map((live) => live.stop()));
      runtime.metadata.close();
      shared.metadata.close();
      await shared.store?.close();
      await shared.network.close();
    },
  };
}

const ignore = (): void => {};
/** Without a logger, the runtime would emit process warnings. */
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function inspectServer(
  spec: ServerSpec,
  runtime: RuntimeContext,
  live: LiveServer,
  warnings: () => readonly InspectionWarning[],
): InspectedServer {
  const context = (signal: AbortSignal) => createAttempt(runtime, { spec, signal });
  return {
    spec,
    isForUsers: hasRuntimeSubject(spec.grant),
    context,
    sendWithoutToken: (signal) => sendWithoutToken(spec, context(signal)),
    async resourceMetadata(signal) {
      const { grant, resourceMetadata } = spec;
      // Nothing is requested for a static token, so the metadata decides nothing.
      if (grant.type === "static") return { isUnread: false, warnings: [] };
      const attempt = context(signal);
      return await findResource(runtime.metadata, {
        ...wantedAuthorizationServer(grant.client, attempt),
        ...{ resource: grant.resource, resourceMetadata },
        searchTimeout: spec.deadline / 2,
        headers: metadataHeaders(spec, attempt),
      });
    },
    authorizationServer: (client, signal) =>
      withPatience(spec, context(signal), async () =>
        findAuthorizationServer(runtime.metadata, wantedAuthorizationServer(client, context(signal))),
      ),
    clockOffset: (url) => runtime.serverClocks.offset(url),
    token: (signal) => live.cacheFor().getToken({ reason: "demand", signal }),
    get warnings() {
      return warnings();
    },
    async introspect(token, client, metadata, signal) {
      const { introspectToken } = await import("../oauth/introspect-token.js");
      const asked = { spec, client, metadata, token: new Secret(token.accessToken) };
      return await introspectToken(asked, runtime, signal);
    },
    fetch: (input, init) => live.fetch(input, init),
    status: () => live.status(),
  };
}

/** Tries again after a temporary failure, as often and for as long as a token request does. */
async function withPatience<T>(
  { retry, deadline }: ServerSpec,
  { clock, signal }: Pick<AttemptContext, "clock" | "signal">,
  work: () => Promise<T>,
): Promise<T> {
  const until = clock.now() + deadline;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof McpAuthError) || !error.retryable || attempt >= retry.attempts) throw error;
      const wait = Math.max(backoffDelay(attempt, retry, Math.random), error.retryAfter ?? 0);
      if (signal.aborted || clock.now() + wait >= until) throw error;
      await pause(wait, { clock, signal });
    }
  }
}

async function sendWithoutToken(spec: ServerSpec, attempt: AttemptContext): Promise<UnauthenticatedAnswer> {
  const { name: server, url, grant, timeout } = spec;
  const { metadata, network, signal, clock } = attempt;
  assertConfiguredUrl(url, "the server's URL", server, metadata.insecureHosts);
  const { readHeaders } = await import("../secrets/read-header.js");
  const configured = await readHeaders(spec.headers, attempt);
  const credential = grant.type === "static" ? undefined : grant.client.credential;
  const fetch =
    credential?.kind === "certificate"
      ? network.fetchAs(await loadTlsIdentity(credential.certificate, attempt))
      : attempt.fetch;
  const { status, headers } = await boundedFetch(fetch, {
    ...{ server, target: "the MCP server", endpoint: "MCP server", url, method: "POST" },
    headers: {
      ...configured,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    // Unlike `initialize`, this begins no session with a server that wants no token.
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "ping" }),
    ...{ timeout, signal, clock, discardBody: true },
  });
  return { status, challenge: serverChallenge(headers), location: headers.get("location") };
}
