// A credential that a server quotes, whole or in part, is replaced by `<secret>` in the `details` of errors.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { Canaries } from "../support/canaries.js";
import { rejectionOf } from "../support/rejection-of.js";
import { jwt } from "./canaries-stage.js";
import { createTestRuntime } from "./harness.js";
import {
  type Answer,
  hostileWorld,
  json,
  type ReceivedRequest,
  send,
  sentence,
  usualToken,
} from "./hostile-servers.js";

type Client = { readonly issuer: string; readonly id: string };

/** Returns a random value. Values with common parts would be found if only one of them is known. */
const randomValue = () => randomBytes(24).toString("base64url");
const secret = `the secret/of+the %agent ${randomValue()}`;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const env = {
  SECRET: secret,
  KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  SEED: randomValue(),
  SUBJECT: randomValue(),
  PLATFORM: jwt("https://platform.example"),
  HEADER: randomValue(),
  PARAM: randomValue(),
};
const withSecret = (client: Client) => ({ ...client, secret: { env: "SECRET" } });

interface Quoted {
  /** Returns the credential in the request that the authorization server quotes. */
  readonly quote: (request: ReceivedRequest) => string;
  readonly grant: (client: Client) => object;
}

const field =
  (name: string) =>
  ({ form }: ReceivedRequest) =>
    form.get(name) ?? "";
const authorization = ({ headers }: ReceivedRequest) => headers.authorization ?? "";
const withMethod = (method: string) => (client: Client) => ({ client: { ...withSecret(client), method } });

const quoted: Readonly<Record<string, Quoted>> = {
  "the secret in the Authorization header": {
    quote: authorization,
    grant: (client) => ({ client: withSecret(client) }),
  },
  "the decoded secret in the Authorization header": {
    quote: (request) =>
      decodeURIComponent(atob(authorization(request).slice("Basic ".length)).replaceAll("+", " ")),
    grant: (client) => ({ client: withSecret(client) }),
  },
  "the secret in the body": { quote: field("client_secret"), grant: withMethod("client_secret_post") },
  "the secret that signs assertions": { quote: () => secret, grant: withMethod("client_secret_jwt") },
  "a client assertion": {
    quote: field("client_assertion"),
    grant: (client) => ({ client: { ...client, key: { privateKey: { env: "KEY" } } } }),
  },
  "the signature of a client assertion": {
    quote: (request) => field("client_assertion")(request).split(".")[2] ?? "",
    grant: (client) => ({ client: { ...client, key: { privateKey: { env: "KEY" } } } }),
  },
  "a refresh token": {
    quote: field("refresh_token"),
    grant: (client) => ({ type: "refresh_token", client: withSecret(client), refreshToken: { env: "SEED" } }),
  },
  "a subject token": {
    quote: field("subject_token"),
    grant: (client) => ({
      ...{ type: "token_exchange", client: withSecret(client) },
      subject: { token: { env: "SUBJECT" } },
    }),
  },
  "the assertion of a platform": {
    quote: field("assertion"),
    grant: (client) => ({
      type: "jwt_bearer",
      client: { issuer: client.issuer },
      assertion: { env: "PLATFORM" },
    }),
  },
  "an assertion in a parameter of an extension grant": {
    quote: field("assertion"),
    grant: (client) => ({
      ...{ type: "extension", client: withSecret(client), grantType: "urn:acme:grant" },
      params: { assertion: { env: "PLATFORM" } },
    }),
  },
  "a parameter from a reference": {
    quote: field("apikey"),
    grant: (client) => ({ client: withSecret(client), params: { apikey: { env: "PARAM" } } }),
  },
};

/** Returns the pieces of a credential in a value. */
function pieces(credential: string, value: unknown): readonly unknown[] {
  const canaries = new Canaries();
  canaries.plant("a credential", credential.replace(/^Basic /, ""));
  return canaries.find(JSON.stringify(value));
}

describe("credentials that servers quote", () => {
  test.each(Object.entries(quoted))("the details have <secret> for %s", async (_, { quote, grant }) => {
    let sent = "";
    const world = await hostileWorld(
      {
        token(response, request) {
          sent = quote(request);
          const error = `no_${sent}`;
          const error_uri = `https://elsewhere.example/?wrong=${encodeURIComponent(sent)}`;
          const error_description = `${sentence}: ${sent} is wrong; ${sent.slice(0, 40)}`;
          send(response, 400, { error, error_description, error_uri });
        },
      },
      (client) => ({ grant: grant(client) }),
      { env },
    );
    const error = await rejectionOf(world.manager.getAccessToken());
    expect(error.code).toBe("token_request_rejected");
    expect(sent.length).toBeGreaterThan(20);
    for (const name of ["error", "error_description", "error_uri"]) {
      expect([name, error.details?.[name]]).toEqual([name, expect.stringContaining("<secret>")]);
    }
    expect(pieces(sent, error.details)).toEqual([]);
    expect(pieces(sent, await world.shown(error))).toEqual([]);
  });

  test("the details have <secret> for the token and config headers that an MCP server puts into a scope or a redirect", async () => {
    const answers: readonly Answer[] = [
      (response, { headers }) => {
        const [, token] = String(headers.authorization).split(" ");
        const scope = `scope="${token} ${headers["x-api-key"]} ${sentence}"`;
        json(403, {}, { "www-authenticate": `Bearer error="insufficient_scope", ${scope}` })(
          response,
          { headers, form: new URLSearchParams() },
          "",
        );
      },
      (response, { headers }) => {
        const query = new URLSearchParams({
          a: String(headers.authorization),
          b: String(headers["x-api-key"]),
        });
        send(response, 307, {}, { location: `https://elsewhere.example/${sentence}?${query}` });
      },
    ];
    for (const mcp of answers) {
      const world = await hostileWorld(
        { mcp },
        (client) => ({
          headers: { "x-api-key": { env: "HEADER" } },
          grant: { client: withSecret(client), scopes: ["read"] },
        }),
        { env },
      );
      const error = await rejectionOf(world.manager.fetch(world.manager.url));
      expect(JSON.stringify(error.details)).toMatch(new RegExp(`${sentence}|<secret>`));
      expect(JSON.stringify(error.details)).toContain("<secret>");
      for (const credential of [usualToken.access_token, env.HEADER]) {
        expect(pieces(credential, [error.details, await world.shown(error)])).toEqual([]);
      }
    }
  });

  test("the details have <secret> for a DPoP proof that an MCP server puts into a redirect", async () => {
    let proof = "";
    const world = await hostileWorld(
      {
        token: (response) => send(response, 200, { ...usualToken, token_type: "DPoP" }),
        mcp(response, { headers }) {
          proof = String(headers["dpop"]);
          const location = `https://elsewhere.example/${sentence}?p=${proof.slice(-150)}`;
          send(response, 307, {}, { location });
        },
      },
      (client) => ({ dpop: true, grant: { client: withSecret(client) } }),
      { env },
    );
    const error = await rejectionOf(world.manager.fetch(world.manager.url));
    expect(JSON.stringify(error.details)).toContain("<secret>");
    expect(pieces(proof.slice(-150), [error.details, await world.shown(error)])).toEqual([]);
  });

  test("the details have <secret> for a static token that an MCP server puts into a scope", async () => {
    const token = randomValue();
    const mcp: Answer = (response, { headers }) => {
      const scope = `${sentence} ${String(headers.authorization).slice("Bearer ".length)}`;
      const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
      send(response, 403, {}, { "www-authenticate": challenge });
    };
    const grant = { type: "static", token: { env: "TOKEN" }, scopes: ["read"] };
    const world = await hostileWorld({ mcp }, () => ({ grant }), { env: { TOKEN: token } });
    const error = await rejectionOf(world.manager.fetch(world.manager.url));
    expect(error.details).toEqual({ scope: [sentence, "<secret>"] });
    expect(pieces(token, await world.shown(error))).toEqual([]);
  });

  test("the details have <secret> for an earlier access token and for one in the error response", async () => {
    let count = 0;
    const second = randomValue();
    const world = await hostileWorld(
      {
        token(response) {
          count += 1;
          if (count === 1) return send(response, 200, usualToken);
          const error_description = `${usualToken.access_token} ${second} ${sentence}`;
          return send(response, 400, { error: "invalid_grant", error_description, access_token: second });
        },
      },
      (client) => ({ grant: { client: withSecret(client) } }),
      { env },
    );
    expect(await world.manager.getAccessToken()).toBe(usualToken.access_token);
    const error = await rejectionOf(world.manager.getToken({ forceRefresh: true }));
    expect(error.details).toMatchObject({ error_description: `<secret> <secret> ${sentence}` });
  });
});

test("the error of fetch for a malformed HTTP response does not contain the token", async () => {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => {
    socket.once("data", (bytes) => {
      const [, authorization = ""] = /^authorization: (.+)$/im.exec(bytes.toString("latin1")) ?? [];
      socket.end(`HTTP/1.1 200 OK\r\nbad\u0001 ${authorization}\r\n\r\n`);
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number }; // The address of a TCP server.
  const url = `http://127.0.0.1:${port}/mcp`;
  const token = "static-token-0123456789";
  const config = { servers: { tools: { url, grant: { type: "static", token: { env: "T" } } } } } as const;
  const auth = await createTestRuntime({ config, env: { T: token } });
  const error: unknown = await auth
    .resolve("tools")
    .fetch(url)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "TypeError", cause: { name: "HTTPParserError" } });
  expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain(token);
});
