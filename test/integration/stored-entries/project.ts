// The project whose processes wrote the entries in the folders beside this file: its config, its servers, and what its
// processes do. All keys are made up for this test and used nowhere else.
import { createMcpAuth, type FetchFunction, type McpAuth, type McpAuthConfig } from "../../../src/index.js";
import { systemClock } from "../../../src/lib/clock.js";
import { internalsOf } from "../../../src/runtime/manager-internals.js";
import { credentials } from "./credentials.js";

/** When the entries were written, in milliseconds since the epoch. */
const writtenAt = Date.UTC(2026, 0, 1, 12);
export const storeKey = Buffer.from("key of the test data, not secret").toString("base64url");
/** The refresh token in the config. It was redeemed before the entries were written. */
const seed = "test-refresh-token-0";

const auth = "https://auth.example";
const idp = "https://idp.example";
const client = { issuer: auth, id: "test-agent", secret: { env: "TEST_SECRET" } };
const user = { token: { env: "TEST_USER_TOKEN" } };
const [key, certificate] = [{ env: "TEST_KEY" }, { env: "TEST_CERTIFICATE" }];

/** The servers of the config by name. Each of them has another kind of token. */
export type ServerName = keyof typeof servers;
const servers = {
  crm: { url: urlOf("crm"), grant: { client, scopes: ["write", "read"], params: { tenant: "t1" } } },
  proof: { url: urlOf("proof"), grant: { client }, dpop: { key: { privateKey: key } } },
  mutual: {
    url: urlOf("mutual"),
    grant: {
      client: {
        ...{ issuer: auth, id: "test-mutual", method: "self_signed_tls_client_auth" },
        certificate: { cert: certificate, key: { env: "TEST_CERTIFICATE_KEY" } },
      },
    },
  },
  workload: {
    url: urlOf("workload"),
    grant: { type: "jwt_bearer", client: { issuer: auth }, assertion: { env: "TEST_WORKLOAD_TOKEN" } },
  },
  service: {
    url: urlOf("service"),
    grant: {
      ...{ type: "jwt_bearer", client: { issuer: auth } },
      assertion: { key: { privateKey: key }, issuer: "test-service", subject: "test-user" },
    },
  },
  exchange: {
    url: urlOf("exchange"),
    grant: { type: "token_exchange", client, subject: user, actor: user, audience: "test-audience" },
  },
  wiki: {
    url: urlOf("wiki"),
    grant: { type: "enterprise_managed", client, idp: { client: { ...client, issuer: idp }, subject: user } },
  },
  mail: { url: urlOf("mail"), grant: { type: "refresh_token", client, refreshToken: { env: "TEST_SEED" } } },
  /** Refuses every token. */
  closed: { url: urlOf("closed"), grant: { client } },
} satisfies McpAuthConfig["servers"];

export const names = Object.keys(servers) as ServerName[];

function urlOf(server: string): string {
  return `https://${server}.example/mcp`;
}

const userToken = [
  "e30",
  Buffer.from('{"sub":"test-user","exp":4102444800}').toString("base64url"),
  "x",
].join(".");

export interface Servers {
  readonly fetch: FetchFunction;
  /** All requests to authorization servers and for metadata, as `POST https://…`. */
  readonly requests: string[];
  /** The refresh tokens that were redeemed. */
  readonly redeemed: (string | null)[];
}

/** The servers of the project, behind a `fetch`. Their tokens are numbered. */
export function startServers(firstToken = 1): Servers {
  const requests: string[] = [];
  const redeemed: (string | null)[] = [];
  let count = firstToken - 1;
  const json = (body: object, status = 200): Response =>
    Response.json(body, { status, headers: { "cache-control": "max-age=86400" } });
  const metadataOf = (issuer: string): Response =>
    json({ issuer, token_endpoint: `${issuer}/token`, tls_client_certificate_bound_access_tokens: true });
  const tokenFor = (form: URLSearchParams, isBound: boolean): Response => {
    count += 1;
    const token = { access_token: `test-token-${count}`, expires_in: 3_600 };
    if (form.has("requested_token_type")) {
      const idJag = { access_token: userToken, issued_token_type: "urn:ietf:params:oauth:token-type:id-jag" };
      return json({ ...idJag, token_type: "N_A" });
    }
    if (form.has("subject_token"))
      Object.assign(token, { issued_token_type: "urn:ietf:params:oauth:token-type:access_token" });
    if (form.has("refresh_token")) {
      redeemed.push(form.get("refresh_token"));
      Object.assign(token, { refresh_token: `test-refresh-token-${count}` });
    }
    return json({ ...token, token_type: isBound ? "DPoP" : "Bearer" });
  };
  return {
    requests,
    redeemed,
    async fetch(input, init) {
      const request = new Request(input, init);
      const { origin, pathname, hostname } = new URL(request.url);
      if (pathname === "/mcp")
        return json({}, request.headers.has("authorization") && hostname !== "closed.example" ? 200 : 401);
      requests.push(`${request.method} ${request.url}`);
      if (pathname === "/token")
        return tokenFor(new URLSearchParams(await request.text()), request.headers.has("dpop"));
      if (pathname === "/.well-known/oauth-protected-resource/mcp")
        return json({ resource: `${origin}/mcp`, authorization_servers: [auth] });
      if (pathname === "/.well-known/oauth-authorization-server") return metadataOf(origin);
      return json({}, 404);
    },
  };
}

/** A folder, or the URL of Redis. */
export type Place = { readonly folder: string } | { readonly redis: string };

/** Creates the runtime of one process. `at`: milliseconds since the entries were written. */
export async function startProcess(place: Place, at = 0): Promise<McpAuth<ServerName>> {
  const encryptionKey = { env: "TEST_STORE_KEY" };
  const store =
    "folder" in place
      ? ({ type: "file", path: place.folder, encryptionKey } as const)
      : ({ type: "redis", url: { env: "TEST_REDIS_URL" }, encryptionKey } as const);
  const env = {
    ...credentials,
    TEST_REDIS_URL: "redis" in place ? place.redis : "",
    TEST_STORE_KEY: storeKey,
    TEST_SECRET: "test-secret",
    TEST_SEED: seed,
    TEST_USER_TOKEN: userToken,
    TEST_WORKLOAD_TOKEN: userToken,
  };
  // The time stands still. Timers are real, because a call may have to wait until a file system has released a lock.
  const clock = { ...systemClock, now: () => writtenAt + at };
  const auth = await createMcpAuth({ config: { store, servers }, env, clock });
  // Without a listener, the server that refuses every token would cause a process warning.
  auth.on("token:warning", () => {});
  return auth;
}

/** Calls the tool of a server, and returns the status of the response. */
export async function callTool(auth: McpAuth<ServerName>, server: ServerName, tool: string): Promise<number> {
  const manager = auth.resolve(server);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool } });
  const headers = { "content-type": "application/json" };
  return (await manager.fetch(manager.url, { method: "POST", headers, body })).status;
}

/** Returns whether this token differs from the one that the command `headers` printed last. */
export async function isNewToken(auth: McpAuth<ServerName>, accessToken: string): Promise<boolean> {
  const { store } = internalsOf(auth.resolve("crm"));
  if (store === undefined) throw new Error("There is no store.");
  return await store.isNewToken({ accessToken, expiresAt: writtenAt + 3_600_000 });
}

/** Does what writes one entry of each kind. */
export async function writeEntries(place: Place): Promise<void> {
  const auth = await startProcess(place);
  for (const name of names) await auth.resolve(name).getToken();
  // The sixth tool is refused a new token, because the first five have used up the allowance.
  for (const tool of ["a", "b", "c", "d", "e", "f"]) await callTool(auth, "closed", tool);
  await isNewToken(auth, "test-printed-token");
  await auth.stop();
}
