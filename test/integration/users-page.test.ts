// The web server of docs/users.md, unchanged: two users, tokens of their own, and a sign-out.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { McpAuth } from "../../src/index.js";
import { listen } from "../support/listen.js";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime } from "./harness.js";
import { type GrantConfig, type IdentityServers, startIdentityServers } from "./identity-servers.js";

let world: IdentityServers;
beforeAll(async () => {
  world = await startIdentityServers();
});
afterAll(() => world[Symbol.asyncDispose]());

const root = new URL("../../", import.meta.url);

interface Session {
  userId: string;
  idToken(): Promise<string>;
  end(): Promise<void>;
}

/** Loads the server from the page. Its imports lead to this project, because the file is elsewhere. */
async function loadPage() {
  const code = snippets(root, "docs/users.md").find(({ mark }) => mark === "users server")?.code ?? "";
  const file = join(await temporaryFolder(), "server.ts");
  const imports: Readonly<Record<string, string>> = {
    "@modelcontextprotocol/client": fileURLToPath(import.meta.resolve("@modelcontextprotocol/client")),
    "mcp-auth-runtime": fileURLToPath(new URL("src/index.ts", root)),
  };
  await writeFile(
    file,
    code.replaceAll(/from "([^"]+)"/g, (_, name: string) => `from ${JSON.stringify(imports[name] ?? name)}`),
  );
  // The page is code of ours, checked by the test of all snippets.
  return (await import(file)) as {
    createWebServer(
      auth: McpAuth,
      sessionOf: (cookie?: string) => Promise<Session | undefined>,
    ): import("node:http").Server;
  };
}

test("the web server of the page gives each user tokens of their own, and drops them at sign-out", async () => {
  const grant = {
    ...{ type: "token_exchange", client: world.client("basic"), scopes: ["read"] },
    subject: { token: { runtime: true }, type: "jwt" },
  };
  const auth = await createTestRuntime<string>({
    config: {
      network: world.network,
      // Built from parts.
      servers: { ledger: { url: world.mcp.none.url, grant: grant as object as GrantConfig } },
    },
    env: world.env,
  });
  const signedIn = new Set(["ann", "bob", "mallory"]);
  const sessionOf = async (cookie = ""): Promise<Session | undefined> => {
    const userId = cookie.slice("user=".length);
    if (!signedIn.has(userId)) return undefined;
    return {
      userId,
      // The authorization server does not accept the token of this user.
      idToken: async () =>
        userId === "mallory"
          ? await world.platform.sign({ sub: userId, aud: "https://elsewhere.example" })
          : await world.platform.sign({ sub: userId, aud: world.issuer.issuer }),
      end: async () => void signedIn.delete(userId),
    };
  };
  const { createWebServer } = await loadPage();
  const server = createWebServer(auth, sessionOf);
  const { origin, close } = await listen(() => (request, response) => {
    server.emit("request", request, response);
  });
  onTestFinished(close);
  const get = async (path: string, user: string, method = "GET") => {
    const response = await fetch(`${origin}${path}`, { method, headers: { cookie: `user=${user}` } });
    return [response.status, await response.text()] as const;
  };
  const subjects = () => world.issuer.issued.map(({ subject }) => subject);

  for (const user of ["ann", "bob", "ann", "bob"]) {
    const [status, body] = await get("/tools", user);
    expect([status, body]).toEqual([200, expect.stringContaining('"echo"')]);
  }
  expect(subjects()).toEqual(["ann", "bob"]);
  expect(await get("/sign-out", "ann", "POST")).toEqual([200, "Signed out.\n"]);
  expect((await get("/tools", "ann"))[0]).toBe(401);
  signedIn.add("ann");
  for (const user of ["ann", "bob"]) expect((await get("/tools", user))[0]).toBe(200);
  expect(subjects()).toEqual(["ann", "bob", "ann"]);
  expect(await get("/tools", "mallory")).toEqual([401, "Sign in again.\n"]);
  expect((await get("/tools", "nobody"))[0]).toBe(401);
});
