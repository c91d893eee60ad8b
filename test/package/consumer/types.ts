// Must compile, and each `@ts-expect-error` must be an error.
import {
  type Clock,
  createMcpAuth,
  defineConfig,
  discover,
  type FetchFunction,
  type Logger,
  type McpAuth,
  type McpAuthConfig,
  McpAuthError,
  type McpAuthErrorCode,
  type Token,
  type TokenManager,
} from "mcp-auth-runtime";
import { headersHelper, mcpServers } from "mcp-auth-runtime/hosts/claude-agent";
import { authProvider, oauthProvider } from "mcp-auth-runtime/hosts/mcp-sdk";
import { type McpProxy, startProxy } from "mcp-auth-runtime/proxy";
import { register } from "mcp-auth-runtime/register/api";
import { createMemoryStore, fakeMcpAuth, testAuthorizationServer } from "mcp-auth-runtime/testing";

const config = defineConfig({
  keys: { agent: { privateKey: { file: "./agent.pem" }, alg: "ES256" } },
  clients: { acme: { issuer: "https://auth.example", id: "agent", key: "agent" } },
  servers: {
    billing: { url: "https://billing.example/mcp", grant: { client: "acme", scopes: ["invoices:read"] } },
    crm: { url: "https://crm.example/mcp", grant: { type: "static", token: { env: "TOKEN" } } },
  },
});

export async function fakes(): Promise<void> {
  const auth: McpAuth = await fakeMcpAuth({ servers: ["crm"] });
  await auth.stop();
  const fake = await fakeMcpAuth({ servers: { crm: {}, billing: { scopes: ["read"] } } });
  fake.resolve("crm").fail("unavailable");
  // @ts-expect-error: no server can cause this code
  fake.resolve("crm").fail("stopped");
  // @ts-expect-error: the fake has no such server
  fake.resolve("bilingue");
  const server = await testAuthorizationServer({ clients: { agent: { secret: "a-secret" } } });
  console.log(fake.resolve("billing").requests[0]?.reason, server.requests[0]?.method);
  await server.close();
}

export async function names(): Promise<void> {
  const auth = await createMcpAuth({ config });
  const billing: TokenManager = auth.resolve("billing");
  const listed: readonly ("billing" | "crm")[] = auth.servers;
  // @ts-expect-error: the config has no such server
  auth.resolve("bilingue");
  // @ts-expect-error: the config has no such server
  await auth.start({ require: ["bilingue"] });

  const proxy: McpProxy<"billing" | "crm"> = await startProxy(auth, { servers: ["crm"] });
  const url: string = proxy.url("crm");
  // @ts-expect-error: the config has no such server
  proxy.url("bilingue");
  // @ts-expect-error: the config has no such server
  await startProxy(auth, { servers: ["bilingue"] });
  console.log(url, proxy.mcpServers().crm?.type);
  const servers = await mcpServers(auth, ["crm"]);
  // @ts-expect-error: only `crm` was named
  servers.billing;
  console.log(servers.crm.url, headersHelper("crm").headersHelper);

  const inline = await createMcpAuth({
    config: {
      servers: { one: { url: "https://one.example/mcp", grant: { type: "static", token: { env: "T" } } } },
    },
  });
  inline.resolve("one");
  // @ts-expect-error: the object above has only `one`
  inline.resolve("two");

  const fromFile: McpAuth = await createMcpAuth({ config: "./mcp-auth.config.json" });
  fromFile.resolve("anything");
  const remove: () => void = fromFile.on("token:renewed", ({ server, reason, expiresAt }) => {
    const when: number | undefined = expiresAt;
    const why: "demand" | "expiry" | "schedule" | "forced" | "rejected" = reason;
    console.log(server, why, when);
  });
  remove();
  // @ts-expect-error: no such event
  fromFile.on("token:eaten", () => {});

  const token: Token = await billing.getToken({ signal: AbortSignal.timeout(1_000) });
  const expiry: number | undefined = token.expiresAt;
  const text: string = await billing.getAccessToken({ forceRefresh: true });
  const headers: Record<string, string> = await billing.getHeaders();
  const response: Response = await billing.fetch(new URL("https://billing.example/mcp"), {
    method: "POST",
    headers: new Headers(headers),
  });
  const detached: FetchFunction = billing.fetch;
  console.log(listed, expiry, text, response.status, detached, authProvider(billing), oauthProvider(billing));
}

export async function disposes(): Promise<void> {
  await using auth = await createMcpAuth();
  console.log(auth.status());
}

export function narrows(error: unknown): string {
  if (!(error instanceof McpAuthError)) return "";
  const code: McpAuthErrorCode = error.code;
  const wait: number | undefined = error.retryAfter;
  if (error.code === "token_request_rejected") return `${error.oauthError ?? ""}${wait ?? ""}`;
  // @ts-expect-error: no such code
  if (error.code === "token_request_refused") return "";
  return code;
}

const issuer = "https://auth.example";
const url = "https://crm.example/mcp";

export const mistakes: McpAuthConfig[] = [
  // @ts-expect-error: a secret is a reference, not a string
  { servers: { a: { url, grant: { client: { issuer, id: "a", secret: "s3cret" } } } } },
  // @ts-expect-error: `static` has a token, not a client
  { servers: { b: { url, grant: { type: "static", client: "acme" } } } },
];

export async function injected(clock: Clock, logger: Logger): Promise<readonly string[]> {
  await createMcpAuth({
    config,
    clock,
    logger,
    env: { TOKEN: "t" },
    fetch: (input, init) => fetch(input, init),
  });
  const { issuers } = await discover("https://billing.example/mcp", { timeout: 1_000 });
  return issuers;
}

export async function registered(): Promise<() => void> {
  const auth = await createMcpAuth({
    config,
    store: Object.assign(createMemoryStore(), { encryptionKeys: false as const }),
  });
  return register(auth);
}
