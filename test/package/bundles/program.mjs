// The program that is bundled.

const imports = {
  ESM: `import { createMcpAuth } from "mcp-auth-runtime";
import { authProvider } from "mcp-auth-runtime/hosts/mcp-sdk";
import { startProxy } from "mcp-auth-runtime/proxy";
import { register } from "mcp-auth-runtime/register/api";`,
  CommonJS: `const { createMcpAuth } = require("mcp-auth-runtime");
const { authProvider } = require("mcp-auth-runtime/hosts/mcp-sdk");
const { startProxy } = require("mcp-auth-runtime/proxy");
const { register } = require("mcp-auth-runtime/register/api");`,
};

/** What `createMcpAuth()` gets, by the config of the table. A file is found by the search. */
const configs = {
  "an object": config(),
  JSON: undefined,
  YAML: undefined,
  "a schedule": config({ refresh: { schedule: "*/10 * * * *" } }),
  "a file store": config({}, { store: { type: "file", path: "store", encryptionKey: { env: "STORE_KEY" } } }),
  Redis: config(
    {},
    { store: { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "STORE_KEY" } } },
  ),
};

/** Returns a config without the values that are known only when the program runs. */
export function config(server = {}, rest = {}) {
  const client = { issuer: "$CRM_ISSUER", id: "$CRM_ID", secret: { env: "CRM_SECRET" } };
  return {
    network: { ca: "ca.pem" },
    ...rest,
    servers: { crm: { url: "$CRM_URL", grant: { client }, ...server } },
  };
}

/**
 * Returns the source of the program. It prints `ok` and its token if the MCP server has received this token.
 *
 * @param {{ format: "ESM" | "CommonJS", config: string }} row
 */
export function programFor(row) {
  return `${sourceFor(row)}
main().then(console.log, (error) => {
  console.error(error);
  process.exitCode = 1;
});
`;
}

/** Returns the source of a route of Next.js, which answers what the program prints. */
export function routeFor(row) {
  const exported = row.format === "ESM" ? "export const " : "exports.";
  return `${sourceFor(row)}
${exported}dynamic = "force-dynamic";
${exported}GET = async () => new Response(await main().catch((error) => String(error.stack)));
`;
}

function sourceFor({ format, config }) {
  const options = configs[config] === undefined ? {} : { config: configs[config] };
  const literal = JSON.stringify(options, null, 2).replace(/"\$(\w+)"/g, "process.env.$1");
  return `${imports[format]}

async function main() {
  const auth = await createMcpAuth(${literal});
  const crm = auth.resolve("crm");
  try {
    const token = await crm.getAccessToken();
    const unregister = register(auth);
    const proxy = await startProxy(auth);
    const throughProxy = (url, init) => fetch(proxy.url("crm"), init);
    for (const send of [crm.fetch, fetch, throughProxy]) {
      const received = await (await send(process.env.CRM_URL, { method: "POST", body: "{}" })).text();
      if (received !== \`Bearer \${token}\`) throw new Error(\`The MCP server got: \${received}\`);
    }
    unregister();
    await proxy.stop();
    if ((await authProvider(crm).token()) !== token) throw new Error("The auth provider has another token.");
    if (!(crm.status().nextRefreshAt > Date.now())) throw new Error("No renewal is planned.");
    return \`ok \${token}\`;
  } finally {
    await auth.stop();
  }
}
`;
}
