import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JWK } from "jose";
import { describe, expect, test } from "vitest";
import { command, project } from "../unit/cli/command.js";
import { createTestRuntime, startWorld } from "./harness.js";

const clientId = "https://agent.example/client.json";
const jwksUri = "https://agent.example/jwks.json";

/** Runs a command that must succeed, and returns what it printed as JSON. */
async function run(cwd: string, ...argv: readonly string[]) {
  const { code, out, err } = await command(argv, { cwd });
  expect(err).not.toMatch(/^error/m);
  expect(code).toBe(0);
  return JSON.parse(out);
}

interface Servers {
  readonly issuer: string;
  readonly url: string;
}

/** Writes a config whose client signs with the key in agent.pem. */
async function writeConfig(
  folder: string,
  { issuer, url }: Servers,
  id: string,
  key: object = {},
): Promise<string> {
  const file = join(folder, "mcp-auth.config.json");
  const config = {
    keys: { agent: { privateKey: { file: "agent.pem" }, ...key } },
    clients: { acme: { issuer, id, key: "agent" } },
    servers: { tools: { url, grant: { client: "acme" } } },
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Starts servers that read the documents anew each time a provider is created. */
async function worldWithDocuments() {
  const documents: Record<string, object> = {};
  const world = await startWorld({ clients: [], documents });
  return {
    world,
    servers: { issuer: world.issuer.issuer, url: world.mcp.url },
    publish(url: string, document: object): void {
      documents[url] = document;
      // Recreates the provider, which forgets what it has read.
      world.issuer.rotateNonces();
    },
  };
}

async function tokenWith(config: string): Promise<string> {
  const auth = await createTestRuntime({ config });
  return await auth.resolve("tools").getAccessToken({ forceRefresh: true });
}

/** The default of oidc-provider for ID tokens is RS256, and the server of the tests has no key for it. */
const forThisServer = { id_token_signed_response_alg: "ES256" };

describe("a generated key and what the commands print of it", () => {
  test.each(["ES256", "PS256", "EdDSA"])(
    "a client registered with the printed key for %s gets a token",
    async (alg) => {
      const folder = await project();
      await run(folder, "keys", "generate", "agent.pem", "--alg", alg);
      // Any servers, because the key is printed before it is registered.
      const example = { issuer: "https://auth.example", url: "https://tools.example/mcp" };
      await writeConfig(folder, example, "agent", { alg });
      const { keys } = await run(folder, "keys", "jwks", "agent");
      const [publicKey, ...others]: JWK[] = keys;
      if (publicKey === undefined || others.length > 0) throw new TypeError("Not one key was printed.");
      const { issuer, mcp } = await startWorld({ clients: [{ id: "agent", publicKey, alg }] });
      const config = await writeConfig(folder, { issuer: issuer.issuer, url: mcp.url }, "agent", { alg });
      expect(await tokenWith(config)).toMatch(/^ey/);
      expect(issuer.tokenRequests.map(({ status }) => status)).toEqual([200]);
    },
  );

  test("a server that reads the printed client metadata document issues a token", async () => {
    const folder = await project();
    await run(folder, "keys", "generate", "agent.pem", "--alg", "PS256");
    const { world, servers, publish } = await worldWithDocuments();
    const config = await writeConfig(folder, servers, clientId, { alg: "PS256" });
    publish(clientId, { ...(await run(folder, "keys", "client-metadata")), ...forThisServer });
    expect(await tokenWith(config)).toMatch(/^ey/);
    expect(world.issuer.issued.at(-1)).toMatchObject({ clientId });
    expect(world.issuer.failures).toEqual([]);
  });

  test("through a rotation with keys jwks --next, the client gets a token at every step", async () => {
    const folder = await project();
    await run(folder, "keys", "generate", "agent.pem");
    const { world, servers, publish } = await worldWithDocuments();
    const config = await writeConfig(folder, servers, clientId);
    const document = await run(folder, "keys", "client-metadata", "--jwks-uri", jwksUri);
    expect(document).not.toHaveProperty("jwks");
    publish(clientId, { ...document, ...forThisServer });
    publish(jwksUri, await run(folder, "keys", "jwks", "agent"));
    const auth = await createTestRuntime({ config });
    const manager = auth.resolve("tools");
    const kid = async () => {
      await manager.getAccessToken({ forceRefresh: true });
      return manager.status().kid;
    };
    const first = await kid();

    const next = await run(folder, "keys", "generate", "next.pem");
    publish(jwksUri, await run(folder, "keys", "jwks", "agent", "--next", "next.pem"));
    expect(await kid()).toBe(first);
    await rename(join(folder, "next.pem"), join(folder, "agent.pem"));
    expect(await kid()).toBe(next.kid);
    const alone = await run(folder, "keys", "jwks", "agent");
    expect(alone.keys).toEqual([next]);
    publish(jwksUri, alone);
    expect(await kid()).toBe(next.kid);
    expect(world.issuer.tokenRequests.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(world.issuer.failures).toEqual([]);
  });
});
