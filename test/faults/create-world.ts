import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { createMcpAuth, type McpAuth, type McpAuthConfig, McpAuthError } from "../../src/index.js";
import { hangLimit } from "../support/hang-limit.js";
import { sendJson } from "../support/http-server.js";
import type { AnsweredPath } from "./faulty-server.js";
import { answeredPath, startFaultyServer } from "./faulty-server.js";
import { type Attempt, Observation } from "./observation.js";
import { createShiftedClock, type WorldClock } from "./shifted-clock.js";
import { createWatchedFetch } from "./watched-fetch.js";
import type { AuthorizationWorld } from "./world.js";

// The fake clock does not wait for lazy imports, so everything is imported beforehand.
const chunks = new URL("../../dist/chunks/", import.meta.url);
for (const name of readdirSync(chunks)) await import(new URL(name, chunks).href);
await Promise.all(
  ["cosmiconfig", "node-cron", "oauth4webapi", "p-retry", "undici"].map((name) => import(name)),
);

/** A world with the members that only the framework uses, not the rows. */
export interface RowWorld extends AuthorizationWorld {
  readonly attempts: readonly Attempt[];
  /** Returns the number of requests of a kind that the runtimes made. */
  count(kind: AnsweredPath): number;
  /** Texts that must not appear anywhere. */
  readonly secrets: readonly string[];
  /** Stops the runtimes and returns what they have left behind. */
  stop(): Promise<readonly string[]>;
  /** Closes all servers. */
  close(): Promise<void>;
}

export async function createWorld(members: Readonly<Record<string, unknown>> = {}): Promise<RowWorld> {
  const mark = randomBytes(9).toString("hex");
  const secret = `secret+of/the agent ${mark}`;
  const requests = createWatchedFetch(() => clock.now());
  const clock: WorldClock = createShiftedClock(requests);
  const tokens = new Map<string, { readonly endsAt: number; revoked: boolean }>();
  const closing: (() => unknown)[] = [];
  const servers = new Set<{ readonly connections: number }>();
  const runtimes: McpAuth<string>[] = [];

  const issuer = await startFaultyServer((server) => ({
    metadata: (_request, response) =>
      sendJson(response, { issuer: server.origin, token_endpoint: world.tokenEndpoint }),
    token: (_request, response) =>
      sendJson(response, {
        access_token: world.issue(server.lifetime),
        token_type: "Bearer",
        expires_in: server.lifetime,
      }),
  }));
  const mcp = await startFaultyServer(({ origin }) => ({
    "resource-metadata": (_request, response) =>
      sendJson(response, { resource: `${origin}/mcp`, authorization_servers: [issuer.origin] }),
    mcp(request, response) {
      const token = tokens.get(request.headers.authorization?.replace(/^Bearer /, "") ?? "");
      if (token !== undefined && !token.revoked && clock.serverTime() < token.endsAt) {
        return sendJson(response, { jsonrpc: "2.0", id: 1, result: {} });
      }
      const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
      return sendJson(response, {}, 401, { "www-authenticate": challenge });
    },
  }));
  const observation = new Observation(issuer.origin);
  let first: Promise<McpAuth<"tools">> | undefined;

  const world: RowWorld = {
    clock,
    issuer,
    mcp,
    issuerOrigin: issuer.origin,
    tokenEndpoint: `${issuer.origin}/token`,
    network: {},
    env: { SECRET: secret },
    get send() {
      return requests.send;
    },
    set send(send) {
      requests.send = send;
    },
    get config(): McpAuthConfig<"tools"> {
      const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
      const server = { url: `${mcp.origin}/mcp`, grant: { client }, refresh: { jitter: 0 } };
      return { network: world.network, servers: { tools: { ...server, ...members } } };
    },
    auth: () => (first ??= world.runtime()),
    manager: async () => (await world.auth()).resolve("tools"),
    async runtime<Name extends string = "tools">(options = {}) {
      const auth = await createMcpAuth<Name>({
        // Without a config in the options, `Name` is the type of the world's own config.
        config: world.config as McpAuthConfig<Name>,
        env: world.env,
        clock,
        fetch: requests.fetch,
        logger: observation.logger,
        ...options,
      });
      runtimes.push(auth);
      observation.listen(auth);
      return auth;
    },
    seen: observation.seen,
    attempts: observation.attempts,
    note: (value) => observation.note(value),
    exchanges: requests.exchanges,
    count: (kind) => requests.exchanges.filter(({ url }) => answeredPath(url) === kind).length,
    canary: `canary-${mark}`,
    issue(lifetime = issuer.lifetime) {
      const token = `token-${mark}-${tokens.size + 1}`;
      tokens.set(token, { endsAt: clock.serverTime() + lifetime * 1_000, revoked: false });
      return token;
    },
    get issued() {
      return [...tokens.keys()];
    },
    revoke() {
      for (const token of tokens.values()) token.revoked = true;
    },
    get secrets() {
      const { SECRET: other = secret } = world.env;
      const plain = [secret, other, ...tokens.keys(), world.canary];
      const basic = Buffer.from(`agent:${new URLSearchParams({ "": secret }).toString().slice(1)}`);
      return [...plain, ...plain.map(encodeURIComponent), basic.toString("base64"), mark];
    },
    until: (promise) => clock.until(promise),
    async failure(promise) {
      const error: unknown = await world.until(promise).then(
        () => new Error("The promise resolved."),
        (reason: unknown) => reason,
      );
      world.note(error);
      if (error instanceof McpAuthError) return error;
      throw error;
    },
    hold: (prefix) => requests.hold(prefix),
    stalled: (prefix) => requests.stalled(prefix),
    onEnd: (close) => void closing.push(close),
    own(server) {
      servers.add(server);
      closing.push(() => server.close());
      return server;
    },
    async stop() {
      const managers = runtimes.flatMap((auth) => auth.servers.map((name) => managerOf(auth, name)));
      const observe = () => {
        for (const auth of runtimes) world.note([auth, auth.status()]);
        for (const manager of managers) world.note(manager);
      };
      observe();
      await world.until(Promise.all(runtimes.map((auth) => auth.stop())));
      observe();
      return await leftovers();
    },
    async close() {
      observation.end();
      for (const close of closing.reverse()) await close();
      await Promise.all([issuer.close(), mcp.close()]);
    },
  };

  async function leftovers(): Promise<string[]> {
    const left: string[] = [];
    await clock.settle();
    if (clock.waiting > 0) left.push(`${clock.waiting} timers`);
    const pending = requests.exchanges.filter((exchange) => exchange.pending);
    if (pending.length > 0) left.push(`requests in progress: ${pending.map(({ url }) => url).join(", ")}`);
    // The server notices a closed connection some turns later. Node's `fetch` gives up a connection that was never
    // established after ten seconds.
    const until = performance.now() + hangLimit / 2;
    const open = () => [...servers].reduce((sum, { connections }) => sum + connections, 0);
    while (open() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
    if (open() > 0) left.push(`${open()} connections`);
    return left;
  }

  servers.add(issuer).add(mcp);
  return world;
}

/** Returns the manager, or the error of a runtime that the row has stopped. */
function managerOf(auth: McpAuth<string>, name: string): unknown {
  try {
    return auth.resolve(name);
  } catch (error) {
    return error;
  }
}
