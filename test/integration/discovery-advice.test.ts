// What an error says about the cause when discovery fails, or a server redirects.
import { writeFile } from "node:fs/promises";
import type { RequestListener, ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findingsIn } from "../../src/errors/findings.js";
import { discover, type McpAuthConfig } from "../../src/index.js";
import { createAuthority } from "../support/certificates.js";
import { deferred } from "../support/deferred.js";
import { sendJson } from "../support/http-server.js";
import { listen } from "../support/listen.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import {
  createTestManager,
  recordEvents,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
} from "./harness.js";
import { call, post, startProxied } from "./proxied.js";

type Answer = (response: ServerResponse, origin: string) => void;

const html: Answer = (response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<p>canary</p>");
const redirect =
  (status: number): Answer =>
  (response) =>
    void response.writeHead(status, { location: "https://login.example/canary" }).end();
const oauth = "/.well-known/oauth-authorization-server";
const openid = "/.well-known/openid-configuration";
const resource = "/.well-known/oauth-protected-resource";

/** Starts an authorization server and an MCP server at one origin, and creates a manager. All other paths are 404. */
async function world(
  answers: Readonly<Record<string, Answer>>,
  {
    issuerPath = "",
    server = {},
    client = {},
  }: { issuerPath?: string; server?: object; client?: object } = {},
) {
  const all = await startScriptedServer(({ url }, response) => {
    const answer = answers[url];
    if (answer !== undefined) return answer(response, all.origin);
    return url === "/token" ? sendToken(response, "t") : sendJson(response, {}, 404);
  });
  // Built from parts.
  const config = {
    servers: {
      tools: {
        url: `${all.origin}/mcp`,
        grant: {
          client: { issuer: `${all.origin}${issuerPath}`, id: "agent", secret: { env: "SECRET" }, ...client },
        },
        ...server,
      },
    },
  } as McpAuthConfig<"tools">;
  const { auth, manager } = await createTestManager({ config, env: { SECRET: "s" } });
  return { origin: all.origin, requests: all.requests, manager, events: recordEvents(auth) };
}

const metadata =
  (path = "", more: object = {}): Answer =>
  (response, origin) =>
    sendJson(response, { issuer: `${origin}${path}`, token_endpoint: `${origin}/token`, ...more });
const resourceOf =
  (issuerPath = "", more: object = {}): Answer =>
  (response, origin) =>
    sendJson(response, {
      resource: `${origin}/mcp`,
      authorization_servers: [`${origin}${issuerPath}`],
      ...more,
    });

describe("an authorization server whose metadata is not where it is expected first", () => {
  test.each<[string, Answer]>([
    ["a page of HTML with status 200", html],
    ["a 301", redirect(301)],
  ])("if its first well-known URL is %s and the next is right, there is a token", async (_what, first) => {
    const { manager } = await world({ [oauth]: first, [openid]: metadata() });
    expect(await manager.getAccessToken()).toBe("t");
  });

  test.each<[string, Answer]>([
    ["a page of HTML with status 200", html],
    ["a 302 to a login", redirect(302)],
  ])(
    "if the resource metadata of the MCP server is %s, there is a token and a warning",
    async (_what, answer) => {
      const { manager, events } = await world({ [oauth]: metadata(), [`${resource}/mcp`]: answer });
      expect(await manager.getAccessToken()).toBe("t");
      const warnings = events.filter(({ event }) => event === "token:warning");
      expect(warnings).toMatchObject([{ code: "discovery_failed" }]);
      expect(warnings[0]?.message).not.toContain("canary");
    },
  );
});

describe("an authorization server without metadata at the configured issuer", () => {
  test("the message has every URL with its answer, and names `metadata`", async () => {
    const { manager, origin } = await world(
      { [`${oauth}/a`]: html, [`${openid}/a`]: redirect(302) },
      { issuerPath: "/a" },
    );
    const error = await rejectionOf(manager.getAccessToken());
    expect(error).toMatchObject({ code: "discovery_failed", retryable: false });
    expect(error.message).toBe(
      `Server "tools": the metadata of authorization server ${origin}/a was not found: no well-known URL has it. ` +
        'If the server publishes no metadata, give the client "metadata": { "tokenEndpoint": "https://…/token" }. ' +
        "Otherwise check the path of the issuer: the name of a realm or tenant may be wrong, or there is a segment too many. " +
        `Tried: ${origin}${oauth}/a did not answer with the content type application/json; ${origin}${openid}/a answered ` +
        `with a redirect (302); ${origin}/a${openid} answered 404.`,
    );
    expect(findingsIn(error)).toEqual(["issuer_path_wrong"]);
  });

  test("with `metadata`, there is a token", async () => {
    const token = await startScriptedServer((_request, response) => sendToken(response, "t"));
    const { manager } = await world({}, { client: { metadata: { tokenEndpoint: `${token.origin}/token` } } });
    expect(await manager.getAccessToken()).toBe("t");
  });

  test("if the MCP server lists the issuer of a realm, the message says so, whichever server answers first", async () => {
    for (const late of [oauth, `${resource}/mcp`]) {
      const wait = deferred<void>();
      const answers: Record<string, Answer> = {
        [oauth]: (response) => sendJson(response, {}, 404),
        [openid]: (response) => {
          sendJson(response, {}, 404);
          if (late !== oauth) wait.resolve();
        },
        [`${resource}/mcp`]: (response, origin) => {
          resourceOf("/realms/agents")(response, origin);
          if (late === oauth) wait.resolve();
        },
      };
      const answer = answers[late];
      answers[late] = (...given) => void wait.promise.then(() => answer?.(...given));
      const { manager, origin } = await world(answers);
      const error = await rejectionOf(manager.getAccessToken());
      expect(error).toMatchObject({
        code: "issuer_mismatch",
        details: { authorization_servers: [`${origin}/realms/agents`] },
      });
      expect(error.message).toContain("it lists one that has the same host and a longer path.");
      expect(findingsIn(error)).toEqual(["issuer_listed_longer_path"]);
    }
  });

  test("if the configured issuer is the URL of its metadata, the config is invalid", async () => {
    const error = await rejectionOf(world({}, { issuerPath: "/.well-known/openid-configuration" }));
    expect(error.code).toBe("config_invalid");
    expect(error.violations).toHaveLength(1);
    expect(error.violations?.[0]).toMatchObject({
      pointer: "/servers/tools/grant/client/issuer",
      message: "An issuer is not the URL of its metadata",
    });
  });
});

describe("metadata that names a URL which the rules refuse", () => {
  test.each([
    ["a plain http URL", "http://auth.example/canary", "it is not https.", "url_http"],
    [
      "an IP address",
      "https://10.1.2.3/canary",
      "it has an IP address that the config does not name.",
      "url_ip_address",
    ],
    [
      "a localhost name",
      "https://localhost/canary",
      "it has a localhost name that the config does not name.",
      "url_local_name",
    ],
  ])(
    "a token endpoint with %s is refused by a rule that the message names, with what to do",
    async (_what, token_endpoint, rule, id) => {
      const { manager, origin } = await world({ [oauth]: metadata("", { token_endpoint }) });
      const error = await rejectionOf(manager.getAccessToken());
      expect(error).toMatchObject({ code: "insecure_url", details: { url: token_endpoint } });
      expect(error.message).toContain(
        `the token endpoint of ${origin} is refused: ${rule} Have its operator set its public URL, or give ` +
          'the client "metadata" with the "tokenEndpoint".',
      );
      expect(error.message).not.toContain("canary");
      expect(findingsIn(error)).toEqual([id]);
    },
  );
});

describe("a redirect of an MCP request from https to http with a slash", () => {
  /** Starts an MCP server with TLS that redirects as a framework does that does not know of a proxy with TLS. */
  async function redirecting() {
    const authority = await createAuthority();
    const folder = await temporaryFolder();
    await writeFile(join(folder, "ca.pem"), authority.certificate);
    const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });
    const serve = (origin: string): RequestListener => {
      const location = `${origin.replace("https:", "http:")}/mcp/`;
      return (request, response) => {
        if (request.url === "/mcp") response.writeHead(307, { location }).end();
        else sendJson(response, {}, request.url === "/mcp/" ? 200 : 404);
      };
    };
    const mcp = await listen(serve, { cert: certificate, key: privateKey });
    onTestFinished(() => mcp.close());
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const { grant } = issuer.config.servers.tools;
    const network = { ca: join(folder, "ca.pem") };
    const config = (path: string): McpAuthConfig<"tools"> => ({
      network,
      servers: { tools: { url: `${mcp.origin}${path}`, grant } },
    });
    return { config, env: issuer.env, origin: mcp.origin };
  }

  const wanted = (origin: string): string =>
    `Server "tools" redirects outside of ${origin}, where its token may go, so nothing was sent there. It redirects to ` +
    `${origin.replace("https:", "http:")}/mcp/, the same URL with http in place of https and with a slash at the end. ` +
    `Write the "url" of the server in the config with the slash: ${origin}/mcp/.`;

  test("the message names the target and the slash, and the url with the slash works", async () => {
    const { config, env, origin } = await redirecting();
    const { manager } = await createTestManager({ config: config("/mcp"), env });
    const error = await rejectionOf(manager.fetch(`${origin}/mcp`, { method: "POST", body: "{}" }));
    expect(error).toMatchObject({ code: "egress_denied", message: wanted(origin) });
    expect(findingsIn(error)).toEqual(["redirect_to_http_slash"]);
    const { manager: corrected } = await createTestManager({ config: config("/mcp/"), env });
    expect((await corrected.fetch(corrected.url)).status).toBe(200);
  });

  test("a host that uses the proxy gets the same message", async () => {
    const { config, env, origin } = await redirecting();
    const proxied = await startProxied({ config: config("/mcp"), env });
    const { error } = JSON.parse((await post(proxied.url, call)).text);
    expect(error).toMatchObject({ message: wanted(origin), data: { code: "egress_denied" } });
  });
});

describe("an MCP server that refuses every token", () => {
  const refusing =
    (challenge?: (origin: string) => string): Answer =>
    (response, origin) =>
      sendJson(response, {}, 401, challenge && { "www-authenticate": challenge(origin) });

  test.each<[string, Answer, string, string]>([
    ["without a challenge", refusing(), "refused_without_challenge", "(it has no Bearer challenge)"],
    [
      "with a challenge for Basic only",
      refusing(() => 'Basic realm="canary"'),
      "refused_by_gateway_login",
      "asks for a user name and password and not for a token",
    ],
    [
      "with challenges for Basic and Bearer",
      refusing(() => 'Basic realm="canary", Bearer realm="canary"'),
      "token_refused",
      'Compare "issuer", "audience", "resource" and "scopes"',
    ],
    [
      "with a challenge that names metadata elsewhere",
      refusing(() => 'Bearer resource_metadata="https://canary.example/meta"'),
      "resource_metadata_elsewhere",
      'set "resourceMetadata" on the server to it',
    ],
  ])("if it answers 401 %s, the warning says so", async (_what, answer, id, says) => {
    let count = 0;
    const token: Answer = (response) => {
      count += 1;
      sendToken(response, `t${count}`);
    };
    const { manager, events } = await world({ [oauth]: metadata(), "/token": token, "/mcp": answer });
    for (const _call of [1, 2]) expect((await manager.fetch(manager.url)).status).toBe(401);
    const { lastError } = manager.status();
    expect(findingsIn(lastError)).toEqual([id]);
    const warnings = events.filter(({ event }) => event === "token:warning");
    expect(warnings).toMatchObject([{ code: "unauthorized", message: expect.stringContaining(says) }]);
    expect(warnings[0]?.message).not.toContain("canary");
  });
});

describe("discover", () => {
  test("of a server at which everything is wrong lists all of it in `problems` and does not fail", async () => {
    const all = await startScriptedServer(({ url }, response) => {
      const { origin } = all;
      const answers: Record<string, Answer> = {
        "/mcp": (to) => void to.writeHead(307, { location: "http://canary.example/mcp/" }).end(),
        [`${resource}/mcp`]: (to) =>
          sendJson(to, {
            resource: "http://localhost:3000/mcp",
            authorization_servers: [
              `${origin}/missing`,
              `${origin}/other`,
              `${origin}/http`,
              "https://10.0.0.9/canary",
              "http://127.0.0.1:1/canary",
            ],
          }),
        [`${oauth}/other`]: metadata("/canary"),
        [`${oauth}/http`]: metadata("/http", { token_endpoint: "http://canary.example/token" }),
      };
      const answer = answers[url];
      return answer === undefined ? sendJson(response, {}, 404) : answer(response, origin);
    });
    const found = await discover(`${all.origin}/mcp`);
    expect(found).toMatchObject({ resource: "http://localhost:3000/mcp", servers: [] });
    expect(found.issuers).toHaveLength(5);
    expect(found.problems.map(({ code }) => code)).toEqual([
      ...["discovery_failed", "resource_mismatch"],
      ...["discovery_failed", "issuer_mismatch", "insecure_url", "insecure_url", "unavailable"],
    ]);
    for (const { message } of found.problems) expect(message).not.toContain("canary");
  });
});

describe("a healthy server", () => {
  const openIdOnly = { [openid]: metadata() };
  test.each<[string, Readonly<Record<string, Answer>>, Parameters<typeof world>[1]]>([
    ["an authorization server that has only OpenID discovery", openIdOnly, {}],
    [
      "an issuer with a path, whose metadata is below the path",
      { [`/a/b${openid}`]: metadata("/a/b"), [`${resource}/mcp`]: resourceOf("/a/b") },
      { issuerPath: "/a/b" },
    ],
    [
      "an issuer with a path and a slash at the end",
      { [`${oauth}/a`]: metadata("/a/"), [`${resource}/mcp`]: resourceOf("/a/") },
      { issuerPath: "/a/" },
    ],
    ["an MCP server without metadata", { [oauth]: metadata() }, {}],
    [
      "`resourceMetadata: false`",
      { [oauth]: metadata(), [`${resource}/mcp`]: html },
      { server: { resourceMetadata: false } },
    ],
    [
      "a resource with a slash at the end",
      {
        [oauth]: metadata(),
        [`${resource}/mcp`]: (response, origin) =>
          resourceOf("", { resource: `${origin}/mcp/` })(response, origin),
      },
      {},
    ],
    [
      "metadata at the root, for the origin",
      {
        [oauth]: metadata(),
        [resource]: (response, origin) => resourceOf("", { resource: `${origin}/` })(response, origin),
      },
      {},
    ],
    [
      "several issuers, one of them the configured one",
      {
        [oauth]: metadata(),
        [`${resource}/mcp`]: (response, origin) =>
          resourceOf("", { authorization_servers: [`${origin}/other`, origin] })(response, origin),
      },
      {},
    ],
  ])("%s causes neither a warning nor a failure", async (_what, answers, options) => {
    const { manager, events } = await world(
      { ...answers, "/mcp": (response) => sendJson(response, {}) },
      options,
    );
    expect((await manager.fetch(manager.url)).status).toBe(200);
    expect(events.map(({ event }) => event)).toEqual(["token:renewed"]);
  });
});
