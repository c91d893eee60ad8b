import { createServer } from "node:tls";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { oauthProvider } from "../../../src/hosts/mcp-sdk.js";
import { createMcpAuth, discover } from "../../../src/index.js";
import { Secret } from "../../../src/lib/secret.js";
import { createRedisStore } from "../../../src/stores/redis.js";
import type { RedisAddress } from "../../../src/stores/redis-client.js";
import { selfSigned } from "../../support/certificates.js";
import { listen } from "../../support/listen.js";
import { caught } from "./world.js";

// Node reads this variable from the process environment at the time of a connection, whatever `env` the host passes.
const turnOff = () => vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
afterEach(() => vi.unstubAllEnvs());

/** Starts a server with a self-signed certificate in place of the real one, and creates a manager for it. */
async function impostor() {
  const { certificate, privateKey } = await selfSigned();
  const requests: string[] = [];
  const server = await listen(
    () => (request, response) => {
      requests.push(request.url ?? "");
      response.end("{}");
    },
    { cert: certificate, key: privateKey },
  );
  onTestFinished(() => server.close());
  const { origin } = server;
  const client = { issuer: origin, id: "agent", secret: { env: "SECRET" } };
  const auth = await createMcpAuth({
    config: { servers: { crm: { url: `${origin}/mcp`, grant: { client } } } },
    env: { SECRET: "canary" },
  });
  onTestFinished(() => auth.stop());
  return { origin, requests, crm: auth.resolve("crm") };
}

test("TLS verification stays on when the process turns it off after the runtime was created", async () => {
  const { crm, requests } = await impostor();
  turnOff();
  expect(await caught(crm.getAccessToken())).toMatchObject({ code: "tls_failed" });
  expect(requests).toEqual([]);
});

test("TLS verification stays on when the process has it off and the host passes its own environment", async () => {
  turnOff();
  const { crm, requests } = await impostor();
  expect(await caught(crm.getAccessToken())).toMatchObject({ code: "tls_failed" });
  expect(requests).toEqual([]);
});

test("TLS verification stays on in discover() when the process has it off", async () => {
  const { origin, requests } = await impostor();
  turnOff();
  expect((await discover(`${origin}/mcp`)).problems).toMatchObject([{ code: "tls_failed" }]);
  expect(requests).toEqual([]);
});

test("oauthProvider adds no credential to a host's token request while the process has TLS verification off", async () => {
  const { origin, crm } = await impostor();
  turnOff();
  const headers = new Headers();
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  const work = oauthProvider(crm).addClientAuthentication(headers, body, `${origin}/token`);
  const error = await caught(work);
  expect(error).toMatchObject({ code: "tls_failed", server: "crm" });
  expect(String(error)).toContain("nothing was sent. NODE_TLS_REJECT_UNAUTHORIZED turns");
  expect([...headers]).toEqual([]);
  expect(String(body)).toBe("grant_type=client_credentials");
});

const kinds: ReadonlyArray<readonly [string, (port: number) => Partial<RedisAddress>]> = [
  ["a single server", () => ({})],
  ["a Sentinel", (port) => ({ sentinel: { name: "agents", nodes: [`localhost:${port}`] } })],
  ["a cluster", (port) => ({ cluster: [`rediss://localhost:${port}`] })],
];

test.each(kinds)(
  "%s of Redis whose certificate cannot be verified does not receive the Redis password",
  async (_kind, further) => {
    const { certificate, privateKey } = await selfSigned();
    let received = "";
    const server = createServer({ cert: certificate, key: privateKey }, (socket) => {
      // The server need not act like Redis, because a client sends its password first.
      socket
        .on("error", () => {})
        .on("data", (data) => {
          received += data.toString();
          socket.end("-ERR no\r\n");
        });
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new TypeError("The server has no TCP port.");
    const { port } = bound;
    const url = new Secret(`rediss://agents:canary@localhost:${port}`);
    const store = createRedisStore({ address: async () => ({ url, ...further(port) }), prefix: "mcp-auth:" });
    onTestFinished(() => store.close());
    turnOff();
    await expect(store.get("key")).rejects.toThrow();
    expect(received).toBe("");
  },
);
