import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../../../src/config/spec.js";
import { ServerClocks, type SigningTime } from "../../../../src/net/server-clocks.js";
import { createAuthority } from "../../../support/certificates.js";
import {
  clientCredentialsGrant,
  clock,
  failureOf,
  secretClient,
  signal,
  startAuthorizationServer,
  unsignedJwt,
} from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

describe("a client without a credential", () => {
  it("sends its id in the body", async () => {
    const { request, form } = await sentTokenRequest((issuer) => ({
      issuer,
      id: "public",
      credential: { kind: "none" },
    }));
    expect(request.headers.authorization).toBeUndefined();
    expect([...form.keys()]).toEqual(["grant_type", "resource", "client_id"]);
    expect(form.get("client_id")).toBe("public");
  });
});

describe("a configured method without its credential", () => {
  it("is config_invalid and sends nothing", async () => {
    await using server = await startAuthorizationServer(issue);
    for (const client of [
      secretClient(server.origin, { method: "private_key_jwt" }),
      secretClient(server.origin, { method: "client_secret_post", credential: { kind: "none" } }),
      secretClient(server.origin, { method: "client_secret_jwt", credential: { kind: "none" } }),
      secretClient(server.origin, { method: "tls_client_auth" }),
      secretClient(server.origin, { method: "self_signed_tls_client_auth" }),
    ]) {
      const grant = clientCredentialsGrant(server.origin, client);
      expect(await failureOf(grant({ signal: signal() }))).toMatchObject({ code: "config_invalid" });
    }
    expect(server.tokenRequests()).toEqual([]);
  });
});

const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const env = {
  SECRET: "canary-that-is-long-enough-to-sign-with",
  KEY: key.export({ type: "pkcs8", format: "pem" }).toString(),
  ASSERTION: unsignedJwt({ sub: "platform" }),
};
const secret: CredentialSpec = { kind: "secret", secret: { env: "SECRET" } };
const certificate: CredentialSpec = {
  kind: "certificate",
  certificate: { cert: { env: "CERTIFICATE" }, key: { env: "CERTIFICATE_KEY" } },
};

describe("each client authentication method", () => {
  // A new method or kind of credential does not compile until it is listed here.
  const sent = {
    client_secret_basic: [secret, ["authorization: Basic"]],
    client_secret_post: [secret, ["client_id", "client_secret"]],
    client_secret_jwt: [secret, ["client_assertion_type", "client_assertion"]],
    private_key_jwt: [
      { kind: "key", key: { privateKey: { env: "KEY" } } },
      ["client_assertion_type", "client_assertion"],
    ],
    tls_client_auth: [certificate, ["client_id"]],
    self_signed_tls_client_auth: [certificate, ["client_id"]],
    none: [{ kind: "none" }, ["client_id"]],
  } as const satisfies Record<ClientAuthenticationMethod, readonly [CredentialSpec, readonly string[]]>;

  it.each(Object.entries(sent))(
    "%s sends its own credential and no other",
    async (name, [credential, fields]) => {
      const issued = await (await createAuthority()).issue({ subject: "CN=crm" });
      const identity = { CERTIFICATE: issued.certificate, CERTIFICATE_KEY: issued.privateKey };
      // The keys of the entries are the keys of the object.
      const method = name as ClientAuthenticationMethod;
      const { request, form } = await sentTokenRequest(
        (issuer): ClientSpec => ({ issuer, id: "crm-agent", credential, method }),
        { ...env, ...identity },
        {},
        { clock: { ...clock, now: Date.now } },
      );
      const { authorization } = request.headers;
      expect([
        ...(authorization === undefined ? [] : [`authorization: ${String(authorization).split(" ")[0]}`]),
        ...[...form.keys()].filter((field) => field.startsWith("client_")),
      ]).toEqual(fields);
    },
  );
});

it("a programming error during client authentication is thrown unchanged, with its stack", async () => {
  await using server = await startAuthorizationServer(issue);
  const fault = new TypeError("time.now is not a function");
  const serverClocks = new ServerClocks(clock);
  const at = (url: string | URL): SigningTime =>
    new Proxy(new ServerClocks(clock).at(url), {
      get(time, name) {
        if (name === "now") throw fault;
        return Reflect.get(time, name, time);
      },
    });
  const client: ClientSpec = {
    issuer: server.origin,
    id: "crm-agent",
    credential: { kind: "key", key: { privateKey: { env: "KEY" } } },
  };
  const grant = clientCredentialsGrant(server.origin, client, {
    env,
    serverClocks: Object.assign(serverClocks, { at }),
  });
  await expect(grant({ signal: signal() })).rejects.toBe(fault);
  expect(server.tokenRequests()).toEqual([]);
});

it("the stack of a token request shows each step from the grant to fetch", async () => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  let stack = "";
  try {
    await using server = await startAuthorizationServer(issue);
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), {
      async fetch(url, init) {
        // Like the network of the runtime, which first imports its connections.
        await Promise.resolve();
        if (init?.method === "POST") stack = String(new Error("here").stack);
        return await fetch(url, init);
      },
    });
    await grant({ signal: signal() });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  const ours = [...stack.matchAll(/at (?:async )?(?:Object\.)?(\S+) \(.*\/src\//g)].map(([, name]) => name);
  expect(ours).toEqual([
    "exchange",
    "sendTokenRequest",
    "sendGrantRequest",
    "requestWithCorrections",
    "requestToken",
  ]);
});
