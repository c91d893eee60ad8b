// The client under test. It writes a config file for the server that the suite names, and then uses only the public
// API. It does not know the scenarios. Exit code 0: tools were listed and one was called; 3: refused; 1: anything else.
//
// Environment variables have what only an operator can know: CONFORMANCE_STEP_UP, the scopes that may be requested
// later; CONFORMANCE_DPOP, that the client is registered for bound tokens (RFC 9449 §5.2); CONFORMANCE_ASSERTION, which
// of the workload's JWTs to use.
//
// The issuer comes from `discover`. With CONFORMANCE_ISSUER_FROM=metadata it comes unchecked from the server's resource
// metadata, so that the token manager itself has to refuse it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createMcpAuth, discover, McpAuthError } from "../../dist/index.js";

const expectedNode = process.env.CONFORMANCE_CLIENT_NODE;
if (process.version !== expectedNode) {
  throw new Error(`The client runs on Node ${process.version} instead of ${expectedNode}.`);
}

const url = process.argv.at(-1);
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-client-"));
let outcome = "called";
try {
  await callServer(await writeConfig(folder));
} catch (error) {
  const refusal = refusalIn(error);
  outcome = refusal?.code ?? error.code ?? error.name;
  process.exitCode = refusal === undefined ? 1 : 3;
  console.error((refusal ?? error).message);
} finally {
  await rm(folder, { recursive: true });
}
console.log(JSON.stringify({ conformanceClient: { node: process.version, outcome } }));

async function callServer(config) {
  const auth = await createMcpAuth({ config });
  try {
    const { fetch } = auth.resolve("server");
    const transport = new StreamableHTTPClientTransport(new URL(url), { fetch });
    const client = new Client({ name: "mcp-auth-runtime-conformance", version: "0.0.0" }, protocolOptions());
    await client.connect(transport);
    const { tools } = await client.listTools();
    await client.callTool({ name: tools[0].name, arguments: {} });
    await client.close();
  } finally {
    await auth.stop();
  }
}

/** Writes the config of a person who got a client registration from the operator of the authorization server. */
async function writeConfig(folder) {
  const found = await discoverServers();
  const server = {
    url,
    grant: await grant(folder, found),
    ...(found.stepUp.length > 0 && { stepUp: found.stepUp }),
    ...(process.env.CONFORMANCE_DPOP !== undefined && { dpop: true }),
  };
  const path = join(folder, "mcp-auth.config.json");
  await writeFile(path, JSON.stringify({ servers: { server } }), { mode: 0o600 });
  return path;
}

/** Returns what an operator would know about the two servers. It has scopes only if the MCP server's 401 names them. */
async function discoverServers() {
  if (process.env.CONFORMANCE_ISSUER_FROM === "metadata") {
    const { origin, pathname } = new URL(url);
    const response = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
    return { issuer: (await response.json()).authorization_servers[0], methods: [], stepUp: [] };
  }
  const { issuers, servers, challenge, scopes: supported } = await discover(url);
  const more = process.env.CONFORMANCE_STEP_UP?.split(" ") ?? [];
  const server = servers.find(({ issuer }) => issuer === issuers[0]);
  return {
    issuer: issuers[0],
    methods: server?.authMethods ?? [],
    scopes: challenge?.scopes,
    stepUp: [...supported, ...more],
  };
}

/** Returns the grant for what the suite provides: an ID token, a workload's JWT, or a client credential. */
async function grant(folder, { issuer, methods, scopes }) {
  const requested = scopes === undefined ? {} : { scopes };
  const workload = context[process.env.CONFORMANCE_ASSERTION ?? "valid_jwt"];
  if (workload !== undefined) {
    await writeFile(join(folder, "workload.jwt"), workload, { mode: 0o600 });
    const client = { issuer, id: context.client_id };
    return { type: "jwt_bearer", client, assertion: { file: "workload.jwt" }, ...requested };
  }
  const client = { issuer, ...(await credential(folder, methods)) };
  if (context.idp_id_token === undefined) return { client, ...requested };
  process.env.ID_TOKEN = context.idp_id_token;
  const idp = {
    client: { issuer: context.idp_issuer, id: context.idp_client_id },
    subject: { token: { env: "ID_TOKEN" } },
  };
  return { type: "enterprise_managed", client, idp, ...requested };
}

/**
 * Returns the credential that the suite provides. If it provides none, it expects a browser user to register a client.
 * Its authorization server then accepts any client, so a made-up one with a supported method is used.
 */
async function credential(folder, methods) {
  const id = context.client_id ?? "made-up-client";
  if (context.private_key_pem !== undefined) {
    const key = join(folder, "client.pem");
    await writeFile(key, context.private_key_pem, { mode: 0o600 });
    return { id, key: { privateKey: { file: "client.pem" }, alg: context.signing_algorithm } };
  }
  if (context.client_secret === undefined && methods.includes("none")) return { id };
  process.env.CLIENT_SECRET = context.client_secret ?? "made-up-secret";
  return { id, secret: { env: "CLIENT_SECRET" } };
}

/** Options for the stateless protocol revision, which is negotiated. The earlier revision is the SDK's default. */
function protocolOptions() {
  const stateless = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === "2026-07-28";
  return stateless ? { versionNegotiation: { mode: "auto" } } : {};
}

/** The SDK may wrap what `fetch` rejected with. */
function refusalIn(error) {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof McpAuthError) return current;
  }
  return undefined;
}
