// The agent that runs on Bun and Deno: `agent.mjs SCENARIO`. Prints one line of JSON.
import process from "node:process";
import { createMcpAuth, defineConfig, McpAuthError } from "mcp-auth-runtime";

const { ORIGIN = "", PROXY = "" } = process.env;
const client = { issuer: ORIGIN, id: "agent", secret: { env: "AGENT_SECRET" } };
const url = `${ORIGIN}/mcp`;
const post = { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' };

const configOf = (server = {}, rest = {}) =>
  defineConfig({ ...rest, servers: { crm: { url, grant: { client }, ...server } } });

/** Each returns what is printed. */
const scenarios = {
  async object() {
    return await withAuth({ config: configOf() }, async (crm) => {
      const tokens = await Promise.all(Array.from({ length: 100 }, () => crm.getAccessToken()));
      return { tokens: [...new Set(tokens)], status: (await crm.fetch(url, post)).status };
    });
  },
  /** With the config file of the project. */
  async file() {
    return await withAuth({}, async (crm) => ({
      token: await crm.getAccessToken(),
      status: (await crm.fetch(url, post)).status,
    }));
  },
  async dpop() {
    return await withAuth({ config: configOf({ dpop: true }) }, async (crm) => ({
      type: (await crm.getToken()).tokenType,
      status: (await crm.fetch(url, post)).status,
    }));
  },
  async renewal() {
    const auth = await createMcpAuth({ config: configOf() });
    const renewed = new Promise((resolve) => {
      auth.on("token:renewed", (event) => event.reason === "expiry" && resolve(event));
    });
    const first = await auth.resolve("crm").getAccessToken();
    await renewed;
    const second = await auth.resolve("crm").getAccessToken();
    const { state } = auth.resolve("crm").status();
    await auth.stop();
    return { first, second, state };
  },
  async refused() {
    return await withAuth({ config: configOf() }, async (crm) => {
      const before = await crm.getAccessToken();
      process.stdout.write("revoke\n");
      await new Promise((resolve) => process.stdin.once("data", resolve));
      const { status } = await crm.fetch(url, post);
      return { before, status, after: await crm.getAccessToken() };
    });
  },
  ca: () => failure(configOf({}, { network: { ca: ["./authority.pem"] } })),
  proxy: () => failure(configOf({}, { network: { proxy: PROXY } })),
  noProxy: () => failure(configOf({}, { network: { proxy: false } })),
  plain: () => failure(configOf()),
  /** The token of the machine is itself the token of the server. */
  identity: () => failure(configOf({ grant: { type: "static", token: { gcp: { audience: "us" } } } })),
  /** Removes the variable with the proxy after the import, and before the first request. */
  removed() {
    delete process.env.HTTP_PROXY;
    return failure(configOf());
  },
  certificate: () =>
    failure(
      configOf({
        grant: {
          client: {
            ...{ issuer: ORIGIN, id: "agent", method: "self_signed_tls_client_auth" },
            certificate: { cert: { file: "./agent.crt" }, key: { file: "./agent.key" } },
          },
        },
      }),
    ),
};

async function withAuth(options, use) {
  const auth = await createMcpAuth(options);
  try {
    return await use(auth.resolve("crm"));
  } finally {
    await auth.stop();
  }
}

/** Returns the error of a token request that must be refused. */
async function failure(config) {
  return await withAuth({ config }, async (crm) => {
    try {
      return { token: await crm.getAccessToken() };
    } catch (error) {
      if (!(error instanceof McpAuthError)) throw error;
      return { code: error.code, message: error.message, retryable: error.retryable };
    }
  });
}

const [, , name = ""] = process.argv;
const printed = await scenarios[name]();
console.log(
  JSON.stringify({
    runtime: process.versions.bun ? "Bun" : process.versions.deno ? "Deno" : "Node.js",
    ...printed,
  }),
);
process.stdin.pause();
