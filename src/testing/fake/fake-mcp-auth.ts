import { createMcpAuth } from "../../runtime/create-mcp-auth.js";
import type { McpAuth } from "../../runtime/mcp-auth.js";
import type { TokenManager } from "../../runtime/token-manager.js";
import { assertFakeOptions, type FakeMcpAuthOptions } from "./fake-options.js";
import { bearerToken, type FakeServer, type FakeServerOptions, fakeServer } from "./fake-server.js";
import { type FakeTokenManager, withControls } from "./fake-token-manager.js";

/** An `McpAuth` whose managers can be made to fail. */
export interface FakeMcpAuth<Name extends string = string> extends McpAuth<Name> {
  resolve(name: Name): FakeTokenManager;
  resolveUrl(url: string | URL): FakeTokenManager | undefined;
}

/**
 * Creates an `McpAuth` for tests: without an authorization server, a config file and secrets. It is the real runtime
 * with an authorization server inside the process, so that caching, shared requests, renewal, refused tokens,
 * cool-downs, events, `status()` and redirects are those of production. Only a failed token request is not repeated,
 * so that a test does not wait for it.
 *
 * The tokens of the server `crm` are `fake-token-crm-1`, `fake-token-crm-2` and so on.
 *
 * Rejects with `config_invalid` for a name or an option that a config could not have.
 *
 * @example
 * ```ts
 * await using auth = await fakeMcpAuth({ servers: ["crm"] });
 * const crm = auth.resolve("crm");
 * await runAgent(auth);
 * crm.expire();
 * await runAgent(auth);
 * assert.equal(crm.requests.length, 2);
 * ```
 */
export async function fakeMcpAuth<const Name extends string>(
  options: FakeMcpAuthOptions<Name>,
): Promise<FakeMcpAuth<Name>> {
  assertFakeOptions(options);
  const { clock, logger } = options;
  const env: Record<string, string> = {};
  const now = (): number => (clock === undefined ? Date.now() : clock.now());
  const servers = new Map(
    serversOf(options).map(([name, server], index) => [name, fakeServer(name, server, { index, env, now })]),
  );
  const configured: readonly FakeServer[] = [...servers.values()];
  const auth = await createMcpAuth<Name>({
    // The entries are those of the option `servers`, so they have its names.
    config: {
      servers: Object.fromEntries(configured.map(({ name, config }) => [name, config])) as {
        [Each in Name]: FakeServer["config"];
      },
    },
    env,
    allowExec: false,
    ...(clock !== undefined && { clock }),
    ...(logger !== undefined && { logger }),
    async fetch(input, init) {
      const { href } = new URL(input instanceof Request ? input.url : input);
      const issuing = configured.find(({ tokenEndpoint }) => tokenEndpoint === href);
      if (issuing !== undefined) return await issuing.answerTokenRequest(input, init);
      // By its token, because servers may share an origin, and a redirect may lead anywhere in it.
      const token = bearerToken(
        new Headers(init?.headers ?? (input instanceof Request ? input.headers : {})),
      );
      const called = configured.find((server) => server.hasIssued(token));
      if (called === undefined) throw new TypeError("The fake has not issued the token of this request.");
      return await called.answerMcpRequest(input, init);
    },
  });
  for (const event of ["token:renewed", "token:failed"] as const) {
    auth.on(event, ({ server, reason }) => servers.get(server)?.noteReason(reason));
  }
  const [resolve, resolveUrl] = [auth.resolve.bind(auth), auth.resolveUrl.bind(auth)];
  const faked = new WeakMap<TokenManager, FakeTokenManager>();
  const fake = (manager: TokenManager): FakeTokenManager => {
    const server = servers.get(manager.name);
    if (server === undefined) throw new TypeError("This manager belongs to no server of the fake.");
    const known = faked.get(manager) ?? withControls(manager, server);
    faked.set(manager, known);
    return known;
  };
  // The same objects with more methods, so that adapters for hosts accept them.
  return Object.assign(auth, {
    resolve: (name: Name) => fake(resolve(name)),
    resolveUrl(url: string | URL) {
      const manager = resolveUrl(url);
      return manager && fake(manager);
    },
  });
}

function serversOf({ servers }: FakeMcpAuthOptions): readonly (readonly [string, FakeServerOptions])[] {
  return isList(servers) ? servers.map((name) => [name, {}] as const) : Object.entries(servers);
}

function isList(servers: FakeMcpAuthOptions["servers"]): servers is readonly string[] {
  return Array.isArray(servers);
}
