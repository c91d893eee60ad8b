// The command login as people type it, with the file store. Time is real, so the server names a short interval.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { enterCode } from "../support/device-flow.js";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { command, project } from "../unit/cli/command.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

const store = { type: "file", path: "./state", encryptionKey: { env: "KEY" } };

/** Creates a project whose only server is `crm`. */
async function projectFor(url: string, issuer: string, more: object = { store }, grant: object = {}) {
  const client = { issuer, id: "agent", secret: { env: "SECRET" } };
  const scopes = ["openid", "offline_access", "email", "use"];
  const config = {
    ...more,
    servers: { crm: { url, grant: { type: "refresh_token", client, scopes, ...grant } } },
  };
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
  return { cwd, env: { SECRET: agentSecret, KEY: randomBytes(32).toString("base64url") } };
}

/** Runs a command line, and calls `onText` with what it prints on stderr. */
async function runWatched(
  argv: readonly string[],
  around: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  onText: (text: string) => void,
  signal = new AbortController().signal,
) {
  const { run } = await import("../../src/cli/main.js");
  let [out, err] = ["", ""];
  const code = await run(argv, {
    ...{ ...around, signal, color: false },
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
      onText(text);
    },
  });
  return { code, out, err };
}

describe("login", () => {
  test("login puts a refresh token into the store, from which token and other processes get access tokens", async () => {
    const world = { refreshTokens: {}, deviceFlow: { interval: 1 }, scopes: ["use", "email"] };
    const { issuer, mcp } = await startWorld(world);
    const at = await projectFor(mcp.url, issuer.issuer);
    const before = await command(["token", "crm"], at);
    expect([before.code, before.err]).toEqual([
      2,
      expect.stringContaining("Sign in once: npx mcp-auth-runtime login crm"),
    ]);
    const person: Promise<string>[] = [];
    const signedIn = await runWatched(["login", "crm", "--json"], at, (text) => {
      const [, page, code] = /(http\S+\/device)\n\s+(\S+)/.exec(text) ?? [];
      if (page !== undefined && code !== undefined) person.push(enterCode(page, code));
    });
    await Promise.all(person);
    expect(signedIn.code).toBe(0);
    expect(JSON.parse(signedIn.out)).toEqual({
      server: "crm",
      issuer: issuer.issuer,
      clientId: "agent",
      scopes: ["email", "use"],
      user: { subject: "somebody", email: "somebody@example.com" },
      refreshTokenExpiresAt: null,
      replaced: false,
    });
    expect(signedIn.err).toContain('Signed in to "crm" as somebody@example.com (somebody).');
    const token = await command(["token", "crm"], at);
    expect([token.code, token.err]).toEqual([0, ""]);
    const auth = await createMcpAuth({ config: join(at.cwd, "mcp-auth.config.json"), env: at.env });
    expect(`${await auth.resolve("crm").getAccessToken()}\n`).toBe(token.out);
    await auth.stop();
    const cleared = await command(["store", "clear", "crm"], at);
    expect(cleared.err).toBe(
      'What was stored for "crm" is deleted.\nTo use it again, sign in: npx mcp-auth-runtime login crm\n',
    );
    const after = await command(["token", "crm"], at);
    expect([after.code, after.out]).toEqual([2, ""]);
    expect(after.err).toContain("npx mcp-auth-runtime login crm");
  });

  test("login without a durable store is a mistake in the config", async () => {
    const at = await projectFor("https://crm.example/mcp", "https://auth.example", {});
    const { code, err } = await command(["login", "crm"], at);
    expect([code, err]).toEqual([2, expect.stringContaining("error[config_invalid]")]);
    expect(err).toContain('Add "store": { "type": "file"');
  });

  test("login for another grant is a mistake, which exits with code 2 and prints nothing on stdout", async () => {
    const grant = { type: "client_credentials" };
    const at = await projectFor("https://crm.example/mcp", "https://auth.example", { store }, grant);
    const { code, out, err } = await command(["login", "crm"], at);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("nobody signs in for the grant client_credentials");
  });

  test("login exits with code 3 if the authorization server has no device flow", async () => {
    const { issuer, mcp } = await startWorld({ refreshTokens: {} });
    const at = await projectFor(mcp.url, issuer.issuer);
    const { code, err } = await command(["login", "crm"], at);
    expect([code, err]).toEqual([3, expect.stringContaining("error[unsupported_by_server]")]);
  });

  test.each(["/.well-known/oauth-authorization-server", "/device_authorization", "a person"])(
    "an interrupt ends login with code 130 while it waits for %s",
    async (stage) => {
      const interrupt = new AbortController();
      const server = await startScriptedServer((request, response) => {
        const { origin } = server;
        if (request.url === stage) return interrupt.abort();
        if (request.url === "/.well-known/oauth-authorization-server") {
          const device_authorization_endpoint = `${origin}/device_authorization`;
          const endpoints = { token_endpoint: `${origin}/token`, device_authorization_endpoint };
          return sendJson(response, { issuer: origin, ...endpoints });
        }
        if (request.url !== "/device_authorization") return sendJson(response, {}, 404);
        const verification_uri = `${origin}/device`;
        return sendJson(response, { device_code: "dc-of-the-test", user_code: "AB", verification_uri });
      });
      const at = await projectFor(`${server.origin}/mcp`, server.origin);
      const onText = (text: string) => {
        if (stage === "a person" && text.includes("enter the code")) interrupt.abort();
      };
      const { code, out } = await runWatched(["login", "crm"], at, onText, interrupt.signal);
      expect([code, out]).toEqual([130, ""]);
    },
  );

  test("a stored refresh token that another key encrypted is not sent, and the message says how to sign in again", async () => {
    const { issuer, mcp } = await startWorld({
      refreshTokens: {},
      deviceFlow: { interval: 1 },
      scopes: ["use"],
    });
    const at = await projectFor(mcp.url, issuer.issuer, { store }, { scopes: ["use"] });
    const person: Promise<string>[] = [];
    const onText = (text: string) => {
      const [, page, code] = /(http\S+\/device)\n\s+(\S+)/.exec(text) ?? [];
      if (page !== undefined && code !== undefined) person.push(enterCode(page, code));
    };
    expect((await runWatched(["login", "crm"], at, onText)).code).toBe(0);
    const other = { ...at, env: { ...at.env, KEY: randomBytes(32).toString("base64url") } };
    const auth = await createMcpAuth({ config: join(at.cwd, "mcp-auth.config.json"), env: other.env });
    const failure = await rejectionOf(auth.resolve("crm").getAccessToken());
    await auth.stop();
    expect(failure).toMatchObject({ code: "store_unavailable" });
    expect(failure.message).toContain("or sign in again: npx mcp-auth-runtime login crm");
    const again = await runWatched(["login", "crm"], other, onText);
    expect(again.code).toBe(0);
    expect(again.err).toContain("replaces that of an earlier sign-in");
    const revoked = await command(["revoke", "crm"], other);
    expect(revoked.err).toContain("1 token revoked and deleted.\n");
    expect(revoked.err).toMatch(/To use it again, sign in: npx mcp-auth-runtime login crm\n$/);
    expect((await command(["token", "crm"], other)).code).toBe(2);
    await Promise.all(person);
  });
});
