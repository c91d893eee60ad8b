import { describe, expect, test } from "vitest";
import { checkConfig } from "../../src/config/load.js";
import { sendJson } from "../support/http-server.js";
import { command, project } from "../unit/cli/command.js";
import { startScriptedServer, startWorld } from "./harness.js";

describe("discover", () => {
  test("discover shows what a server publishes, without a config, and the config that follows is valid", async () => {
    const { mcp, issuer } = await startWorld({ scopes: ["read"], mcp: { scopes: ["read"] } });
    const cwd = await project();
    const done = await command(["discover", mcp.url], { cwd });
    expect(done).toMatchObject({ code: 0, err: expect.stringContaining("npx mcp-auth-runtime init") });
    expect(done.out).toMatch(/^Token +required$/m);
    expect(done.out).toMatch(/^Scopes +read \(from its challenge\)$/m);
    expect(done.out).toMatch(
      new RegExp(`^Issuer +${issuer.issuer} \\(another origin than the server\\)$`, "m"),
    );
    expect(done.out).toMatch(/^Clients use +client_secret_basic, client_secret_post, private_key_jwt/m);
    // Nothing is known about it without a token.
    expect(done.out).not.toContain("Extension");
    expect(done.out).toMatch(/^Grants +client_credentials$/m);
    const text = done.out.slice(done.out.indexOf("\nConfig\n") + "\nConfig\n".length);
    const env = { SERVER_CLIENT_ID: "agent" };
    expect(await checkConfig({ config: JSON.parse(text), cwd, env })).toMatchObject({ violations: [] });
    expect(issuer.tokenRequests).toEqual([]);
  });

  test("the command that discover prints can be pasted, whatever the URL has", async () => {
    const { mcp } = await startWorld();
    const done = await command(["discover", `${mcp.url}?a=1&b=$(id)`], { cwd: await project() });
    expect(done.err).toContain(`npx mcp-auth-runtime init '${mcp.url}?a=1&b=$(id)'`);
  });

  test("discover --json has all that was found, and what is known about client credentials", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project();
    const done = await command(["discover", mcp.url, "--json"], { cwd });
    expect(done).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(done.out)).toMatchObject({
      url: mcp.url,
      requiresToken: true,
      issuers: [issuer.issuer],
      servers: [{ issuer: issuer.issuer, tokenEndpoint: issuer.tokenEndpoint }],
      problems: [],
      clientCredentials: { grantListed: true },
      config: { servers: { server: { url: mcp.url } } },
    });
  });

  test("discover names the extension, the device endpoint and other grants if servers publish them", async () => {
    const server = await startScriptedServer(async ({ url }, response) => {
      const { origin } = server;
      if (url === "/mcp") {
        const extensions = { "io.modelcontextprotocol/oauth-client-credentials": {} };
        return sendJson(response, { jsonrpc: "2.0", id: 1, result: { capabilities: { extensions } } });
      }
      if (url.startsWith("/.well-known/oauth-protected-resource")) {
        return sendJson(response, { resource: `${origin}/mcp`, authorization_servers: [origin] });
      }
      return sendJson(response, {
        issuer: origin,
        token_endpoint: `${origin}/token`,
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["ES256"],
        grant_types_supported: ["urn:ietf:params:oauth:grant-type:device_code"],
        device_authorization_endpoint: `${origin}/device`,
      });
    });
    const done = await command(["discover", `${server.origin}/mcp`], { cwd: await project() });
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toMatch(/^Token +not required to connect$/m);
    expect(done.out).toMatch(
      /^Extension +the server says that it supports client credentials \(SEP-1046\)$/m,
    );
    expect(done.out).toMatch(/^Grants +urn:ietf.*device_code\. Not client_credentials: /m);
    expect(done.out).toMatch(/^Device login +http.*\/device$/m);
    expect(done.out).toContain('"key": { "privateKey": { "file": "./secrets/server.pem" } }');
  });

  test("discover exits with 4 if the server cannot be reached, and with 3 if nothing was found", async () => {
    const cwd = await project();
    const gone = await startScriptedServer((_, response) => sendJson(response, {}, 404));
    const nothing = await command(["discover", `${gone.origin}/mcp`], { cwd });
    expect(nothing).toMatchObject({ code: 3 });
    expect(nothing.out).toContain("[discovery_failed]");
    await gone.close();
    const unreachable = await command(["discover", `${gone.origin}/mcp`, "--json"], { cwd });
    expect(unreachable).toMatchObject({ code: 4 });
    expect(JSON.parse(unreachable.out)).toMatchObject({ issuers: [], problems: [{ code: "unavailable" }] });
  });

  test.each(["crm.example/mcp", "http://crm.example/mcp", "https://user:pw@crm.example/mcp"])(
    "discover refuses the URL %s before it sends anything, without showing a password",
    async (url) => {
      const done = await command(["discover", url], { cwd: await project() });
      expect(done).toMatchObject({ code: 2, out: "" });
      expect(done.err).not.toContain("pw");
    },
  );

  test("discover uses the network section of a config, and says if the config it finds cannot be used", async () => {
    const { mcp } = await startWorld();
    const config = { network: { ca: "./missing.pem" }, servers: {} };
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
    // Only https needs the certificates.
    const done = await command(["discover", mcp.url.replace("http:", "https:")], { cwd });
    expect(done.out + done.err).toContain("missing.pem");
    const broken = await project({ "mcp-auth.config.json": "{" });
    const other = await command(["discover", mcp.url], { cwd: broken });
    expect(other).toMatchObject({ code: 0, err: expect.stringContaining("is not used") });
    expect(
      await command(["discover", mcp.url, "--config", "mcp-auth.config.json"], { cwd: broken }),
    ).toMatchObject({
      code: 2,
    });
  });
});
