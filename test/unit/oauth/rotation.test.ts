import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { AssertionSpec, ClientSpec, KeySpec, SecretReference } from "../../../src/config/spec.js";
import { createDpop } from "../../../src/dpop/dpop.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import type { AttemptRequest } from "../../../src/oauth/attempt.js";
import { hasAnotherCredential } from "../../../src/oauth/error-marks.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { credentialsChanged } from "../../../src/secrets/credentials-changed.js";
import { createAuthority, type IssuedCertificate } from "../../support/certificates.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { type Handler, type RecordedRequest, sendJson } from "../../support/http-server.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import {
  clientCredentialsGrant,
  failureOf,
  type GrantSettings,
  grantOf,
  secretClient,
  signal,
  startAuthorizationServer,
  type TestGrant,
  unsignedJwt,
} from "./fixtures.js";
import { issue } from "./sent-token-request.js";

const tenMinutes = 600_000;

let old: IssuedCertificate;
let renewed: IssuedCertificate;
beforeAll(async () => {
  const authority = await createAuthority();
  old = await authority.issue({ subject: "CN=old" });
  renewed = await authority.issue({ subject: "CN=renewed" });
});

let env: Record<string, string>;
let clock: FakeClock;
beforeEach(() => {
  env = { CRM_SECRET: "canary-old" };
  clock = fakeClock(Date.now());
});

const refusal = (response: Parameters<Handler>[1], error: string | undefined, status = 401): void =>
  error === undefined
    ? void response.writeHead(status).end()
    : sendJson(response, { error, error_description: "canary" }, status);

const refusing =
  (error: string | undefined, status = 401, meanwhile: () => void = () => {}): Handler =>
  (_, response) => {
    meanwhile();
    refusal(response, error, status);
  };

/** Returns the outcome of one attempt: `again` if the error says that there is another credential. */
async function outcome(grant: TestGrant, attempt: AttemptRequest): Promise<"token" | "again" | "final"> {
  let refused: McpAuthError | undefined;
  const failed = grant(attempt).catch(async (error: unknown) => {
    refused = await failureOf(Promise.reject(error), ["canary", "eyJ", "MII"]);
  });
  await failed;
  if (refused === undefined) return "token";
  return hasAnotherCredential(refused) ? "again" : "final";
}

/** Makes the attempts of one acquisition, at most five, as long as the error says that there is another credential. */
async function acquire(grant: TestGrant, more: Partial<AttemptRequest> = {}): Promise<readonly string[]> {
  const acquisition = { signal: signal(), ...more };
  const outcomes: string[] = [];
  do outcomes.push(await outcome(grant, acquisition));
  while (outcomes.at(-1) === "again" && outcomes.length < 5);
  return outcomes;
}

const basic = (secret: string): string => `Basic ${btoa(`crm-agent:${secret}`)}`;

/** Starts a server that accepts these secrets. */
const takes =
  (...secrets: readonly string[]): Handler =>
  (request, response) =>
    secrets.map(basic).includes(String(request.headers.authorization))
      ? issue(request, response)
      : refusal(response, "invalid_client");

const keyClient = (issuer: string, spec: KeySpec): ClientSpec => ({
  issuer,
  id: "crm-agent",
  credential: { kind: "key", key: spec },
});
const kidOf = ({ body }: Pick<RecordedRequest, "body">, field = "client_assertion"): string | undefined =>
  decodeProtectedHeader(new URLSearchParams(body).get(field) ?? "").kid;

describe("a refused client secret", () => {
  it("is replaced once by the current one", async () => {
    await using server = await startAuthorizationServer((request, response) => {
      env["CRM_SECRET"] = "canary-new";
      return takes("canary-new")(request, response);
    });
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
    expect(await acquire(grant)).toEqual(["again", "token"]);
    expect(server.tokenRequests().map(({ headers }) => headers.authorization)).toEqual([
      basic("canary-old"),
      basic("canary-new"),
    ]);
  });

  it("is an error if it has not changed", async () => {
    await using server = await startAuthorizationServer(refusing("invalid_client"));
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
    expect(await acquire(grant)).toEqual(["final"]);
    expect(server.tokenRequests()).toHaveLength(1);
  });

  it("is an error the second time, however often it changes", async () => {
    let changes = 0;
    const change = () => {
      env["CRM_SECRET"] = `canary-${++changes}`;
    };
    await using server = await startAuthorizationServer(refusing("invalid_client", 401, change));
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(server.tokenRequests()).toHaveLength(4);
  });

  it("is an error if there is no longer a secret", async () => {
    await using server = await startAuthorizationServer(
      refusing("invalid_client", 401, () => void delete env["CRM_SECRET"]),
    );
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
    expect(await acquire(grant)).toEqual(["final"]);
  });

  it.each([
    ["invalid_client", 400, "again"],
    ["unauthorized_client", 400, "again"],
    [undefined, 401, "again"],
    [undefined, 403, "again"],
    [undefined, 400, "final"],
    ["invalid_scope", 400, "final"],
    ["invalid_grant", 400, "final"],
    ["invalid_scope", 401, "again"],
    ["invalid_grant", 401, "again"],
    ["invalid_target", 401, "again"],
    ["access_denied", 403, "again"],
    ["server_error", 401, "again"],
    ["temporarily_unavailable", 403, "again"],
    ["use_dpop_nonce", 401, "final"],
    ["server_error", 400, "final"],
  ] as const)(
    "whose error is %s, with status %i, and which has changed, is followed by another attempt or is final: %s",
    async (error, status, expected) => {
      const change = () => {
        env["CRM_SECRET"] = "canary-new";
      };
      await using server = await startAuthorizationServer(refusing(error, status, change));
      const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
      expect(await outcome(grant, { signal: signal() })).toBe(expected);
    },
  );

  it.each(["client_secret_basic", "client_secret_post", "client_secret_jwt"] as const)(
    "is read again for %s",
    async (method) => {
      env["CRM_SECRET"] = "canary-old-that-is-long-enough-to-sign";
      const change = () => {
        env["CRM_SECRET"] = "canary-new-that-is-long-enough-to-sign";
      };
      await using server = await startAuthorizationServer(refusing("invalid_client", 401, change));
      const client = secretClient(server.origin, { method });
      const grant = clientCredentialsGrant(server.origin, client, { env });
      expect(await outcome(grant, { signal: signal() })).toBe("again");
    },
  );

  it("is read from its command or function exactly once more", async () => {
    const folder = await temporaryFolder();
    const runs = join(folder, "runs");
    appendFileSync(runs, "");
    const script = `require("node:fs").appendFileSync(${JSON.stringify(runs)}, "x"); console.log("same")`;
    let calls = 0;
    const resolvers = { vault: () => `canary-${++calls}` };
    const command: SecretReference = {
      exec: [process.execPath, "-e", script],
      cwd: folder,
      timeout: 10_000,
    };
    await using server = await startAuthorizationServer(refusing("invalid_client"));
    const grantWith = (secret: SecretReference) => {
      const client = secretClient(server.origin, { credential: { kind: "secret", secret } });
      return clientCredentialsGrant(server.origin, client, { env: { ...process.env }, resolvers });
    };
    expect(await acquire(grantWith(command))).toEqual(["final"]);
    expect(readFileSync(runs, "utf8")).toBe("xx");
    expect(await acquire(grantWith({ resolver: "vault", ref: "crm" }))).toEqual(["again", "final"]);
    expect(calls).toBe(3);
  });
});

describe("a refused key", () => {
  const key = (): KeySpec => ({ privateKey: { env: "KEY" } });

  /** Starts a server that knows the keys of some certificates by their kid. */
  async function knowing(kids: Set<string | undefined>, meanwhile: () => void = () => {}) {
    const server = await startAuthorizationServer((request, response) => {
      const isKnown = kids.has(kidOf(request));
      meanwhile();
      return isKnown ? issue(request, response) : refusal(response, "invalid_client");
    });
    onTestFinished(() => server.close());
    return server;
  }

  /** Returns a grant whose first request used the old key, the kids that the server knows, and the later kids. */
  async function started(more: GrantSettings = {}) {
    env["KEY"] = old.privateKey;
    const known = new Set<string | undefined>();
    const server = await knowing(known);
    const client = keyClient(server.origin, key());
    const grant = clientCredentialsGrant(server.origin, client, { env, clock, ...more });
    await acquire(grant);
    const first = server.tokenRequests().map((request) => kidOf(request))[0];
    known.add(first);
    const kids = () =>
      server
        .tokenRequests()
        .slice(1)
        .map((request) => kidOf(request));
    return { grant, known, first, kids };
  }

  it("that has been replaced is followed by its replacement", async () => {
    env["KEY"] = old.privateKey;
    const known = new Set<string | undefined>();
    const server = await knowing(known, () => {
      env["KEY"] = renewed.privateKey;
    });
    const grant = clientCredentialsGrant(server.origin, keyClient(server.origin, key()), { env, clock });
    expect(await acquire(grant)).toEqual(["again", "final"]);
    const [first, second, ...others] = server.tokenRequests().map((request) => kidOf(request));
    expect(others).toEqual([]);
    expect(second).not.toBe(first);
  });

  it("that the server does not know yet is followed once by its predecessor", async () => {
    const { grant, first, kids } = await started();
    env["KEY"] = renewed.privateKey;
    expect(await acquire(grant)).toEqual(["again", "token"]);
    expect(kids()).toEqual([expect.not.stringMatching(String(first)), first]);
  });

  it("is tried first again at the next acquisition, and without its predecessor once the server knows it", async () => {
    const { grant, known, first, kids } = await started();
    env["KEY"] = renewed.privateKey;
    await acquire(grant);
    await acquire(grant);
    const [second] = kids();
    expect(kids()).toEqual([second, first, second, first]);
    known.add(second);
    expect(await acquire(grant)).toEqual(["token"]);
    expect(kids().at(-1)).toBe(second);
  });

  it("is an error if its predecessor is refused too", async () => {
    const { grant, known, kids } = await started();
    known.clear();
    env["KEY"] = renewed.privateKey;
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(kids()).toHaveLength(2);
  });

  it("is an error ten minutes after it was first used", async () => {
    const { grant, kids } = await started();
    env["KEY"] = renewed.privateKey;
    await acquire(grant);
    await clock.advance(tenMinutes);
    expect(await acquire(grant)).toEqual(["final"]);
    expect(kids()).toHaveLength(3);
  });

  it("is an error if it has no predecessor", async () => {
    const { grant, known, kids } = await started();
    known.clear();
    expect(await acquire(grant)).toEqual(["final"]);
    expect(kids()).toHaveLength(1);
  });

  it("is sent with its own certificate, and so is its predecessor", async () => {
    const thumbprints = () =>
      server.tokenRequests().map(({ body }) => {
        const header = decodeProtectedHeader(new URLSearchParams(body).get("client_assertion") ?? "");
        return [header.kid, header["x5t#S256"]];
      });
    const server = await knowing(new Set());
    const spec: KeySpec = { privateKey: { env: "KEY" }, certificate: { env: "CERTIFICATE" } };
    const grant = clientCredentialsGrant(server.origin, keyClient(server.origin, spec), { env, clock });
    const put = ({ privateKey: KEY, certificate: CERTIFICATE }: IssuedCertificate) =>
      Object.assign(env, { KEY, CERTIFICATE });
    put(old);
    await acquire(grant);
    put(renewed);
    await acquire(grant);
    const [first, second, third] = thumbprints();
    expect(third).toEqual(first);
    expect(second?.[0]).not.toEqual(first?.[0]);
    expect(second?.[1]).not.toEqual(first?.[1]);
  });

  it("is still used for DPoP, which is independent of client authentication", async () => {
    const spec = key();
    env["KEY"] = old.privateKey;
    const proofs: (string | undefined)[] = [];
    const kids: (string | undefined)[] = [];
    const server = await startAuthorizationServer((request, response) => {
      const proof = decodeProtectedHeader(String(request.headers["dpop"]));
      proofs.push(proof.jwk?.x);
      kids.push(kidOf(request));
      return kidOf(request) === kids[0]
        ? sendJson(response, { access_token: "granted", token_type: "DPoP", expires_in: 60 })
        : refusal(response, "invalid_client");
    });
    onTestFinished(() => server.close());
    const grant = clientCredentialsGrant(server.origin, keyClient(server.origin, spec), {
      ...{ env, clock },
      dpop: createDpop({ key: spec, clock }),
    });
    const before = await grant({ signal: signal() });
    env["KEY"] = renewed.privateKey;
    const acquisition = { signal: signal() };
    expect(await outcome(grant, acquisition)).toBe("again");
    const after = await grant(acquisition);
    expect(kids[2]).toBe(kids[0]);
    expect(proofs[2]).toBe(proofs[1]);
    expect(proofs[2]).not.toBe(proofs[0]);
    // The current token stays bound to its own key.
    const target = { method: "GET", url: "https://mcp.example", accessToken: "granted" };
    const jwk = async ({ binding }: typeof before) =>
      decodeProtectedHeader((await binding?.dpopSigner?.proof(target)) ?? "").jwk?.x;
    expect([await jwk(before), await jwk(after)]).toEqual([proofs[0], proofs[2]]);
  });
});

describe("a refused client certificate", () => {
  const credential = {
    kind: "certificate",
    certificate: { cert: { env: "CERTIFICATE" }, key: { env: "KEY" } },
  } as const;
  const put = ({ privateKey: KEY, certificate: CERTIFICATE }: IssuedCertificate) =>
    Object.assign(env, { KEY, CERTIFICATE });

  it("is followed by its replacement, or by its predecessor if it is new", async () => {
    const presented: string[] = [];
    const network: NonNullable<GrantSettings["network"]> = {
      fetchAs: ({ certificate }) => {
        presented.push(certificate);
        return fetch;
      },
    };
    let meanwhile = () => put(renewed);
    await using server = await startAuthorizationServer(refusing("invalid_client", 401, () => meanwhile()));
    const client: ClientSpec = {
      issuer: server.origin,
      id: "crm-agent",
      credential: { ...credential, certificate: { ...credential.certificate } },
    };
    const grant = clientCredentialsGrant(server.origin, client, { env, clock, network });
    put(old);
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(presented).toEqual([old.certificate, renewed.certificate]);
    meanwhile = () => put(renewed);
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(presented.slice(2)).toEqual([renewed.certificate, old.certificate]);
  });
});

describe("an assertion that the platform issued", () => {
  const platform = (claims: object) => unsignedJwt({ sub: "workload", ...claims });

  it("is never tried again, although each read returns another one", async () => {
    let issued = 0;
    const resolvers = { platform: () => platform({ jti: `canary-${++issued}` }) };
    const reference = { resolver: "platform", ref: "token" };
    for (const error of ["invalid_client", "invalid_grant"]) {
      await using server = await startAuthorizationServer(refusing(error, 400));
      const { origin } = server;
      const assertion: AssertionSpec = { kind: "platform", reference };
      const anonymous: ClientSpec = { issuer: origin, credential: { kind: "none" } };
      const byAssertion: ClientSpec = {
        issuer: origin,
        id: "crm-agent",
        credential: { kind: "assertion", assertion: reference },
      };
      const subject = { token: reference, type: "urn:ietf:params:oauth:token-type:jwt" };
      const publicClient: ClientSpec = { ...anonymous, id: "crm-agent" };
      const more = { env, clock, resolvers };
      for (const grant of [
        grantOf(origin, { type: "jwt_bearer", client: anonymous, assertion }, more),
        grantOf(origin, { type: "client_credentials", client: byAssertion }, more),
        grantOf(origin, { type: "token_exchange", client: publicClient, subject }, more),
      ]) {
        expect(await acquire(grant)).toEqual(["final"]);
      }
      expect(server.tokenRequests()).toHaveLength(3);
    }
    expect(issued).toBe(6);
  });
});

describe("an assertion that we sign", () => {
  const assertion = (key: KeySpec = { privateKey: { env: "KEY" } }): AssertionSpec => ({
    kind: "signed",
    key,
    issuer: "robot",
    subject: "robot",
    audience: "issuer",
    lifetime: 60_000,
    claims: {},
  });

  it("is signed with the previous key if the server does not know the new one", async () => {
    env["KEY"] = old.privateKey;
    const kids: (string | undefined)[] = [];
    await using server = await startAuthorizationServer((request, response) => {
      kids.push(kidOf(request, "assertion"));
      return kids.at(-1) === kids[0] ? issue(request, response) : refusal(response, "invalid_grant", 400);
    });
    const client: ClientSpec = { issuer: server.origin, credential: { kind: "none" } };
    const grant = grantOf(
      server.origin,
      { type: "jwt_bearer", client, assertion: assertion() },
      { env, clock },
    );
    await acquire(grant);
    env["KEY"] = renewed.privateKey;
    expect(await acquire(grant)).toEqual(["again", "token"]);
    expect(kids[2]).toBe(kids[0]);
    expect(kids[1]).not.toBe(kids[0]);
  });

  it("is signed with the previous key if the client's own assertion is", async () => {
    env["KEY"] = old.privateKey;
    const kids: (readonly (string | undefined)[])[] = [];
    await using server = await startAuthorizationServer((request, response) => {
      kids.push([kidOf(request), kidOf(request, "assertion")]);
      const [first, second] = (kids.at(-1) ?? []).map((kid) => kid === kids[0]?.[0]);
      if (first !== true) return refusal(response, "invalid_client");
      return second === true ? issue(request, response) : refusal(response, "invalid_grant", 400);
    });
    const key: KeySpec = { privateKey: { env: "KEY" } };
    const client = keyClient(server.origin, key);
    const grant = grantOf(
      server.origin,
      { type: "jwt_bearer", client, assertion: assertion(key) },
      { env, clock },
    );
    await acquire(grant);
    env["KEY"] = renewed.privateKey;
    expect(await acquire(grant)).toEqual(["again", "token"]);
    expect(kids[2]).toEqual(kids[0]);
  });

  it("is not replaced when the client is refused, and the client is not when the assertion is refused", async () => {
    env["KEY"] = old.privateKey;
    let error = "invalid_client";
    await using server = await startAuthorizationServer((_, response) => {
      if (error === "invalid_client") env["KEY"] = renewed.privateKey;
      else env["CRM_SECRET"] = "canary-new";
      return refusal(response, error, 400);
    });
    const client = secretClient(server.origin);
    const grant = grantOf(
      server.origin,
      { type: "jwt_bearer", client, assertion: assertion() },
      { env, clock },
    );
    expect(await acquire(grant)).toEqual(["final"]);
    await clock.advance(tenMinutes);
    error = "invalid_grant";
    await outcome(grant, { signal: signal() });
    await clock.advance(tenMinutes);
    expect(await acquire(grant)).toEqual(["final"]);
  });
});

describe("an assertion that gets a 401 without an error code", () => {
  it("is signed with the replaced key, even if the request names no client", async () => {
    env["KEY"] = old.privateKey;
    await using server = await startAuthorizationServer(
      refusing(undefined, 401, () => {
        env["KEY"] = renewed.privateKey;
      }),
    );
    const client: ClientSpec = { issuer: server.origin, credential: { kind: "none" } };
    const assertion: AssertionSpec = {
      ...{ kind: "signed", key: { privateKey: { env: "KEY" } }, issuer: "robot", subject: "robot" },
      ...{ audience: "issuer", lifetime: 60_000, claims: {} },
    };
    const grant = grantOf(server.origin, { type: "jwt_bearer", client, assertion }, { env, clock });
    expect(await acquire(grant)).toEqual(["again", "final"]);
    const [first, second] = server.tokenRequests().map((request) => kidOf(request, "assertion"));
    expect(second).not.toBe(first);
  });
});

describe("the client at an identity provider", () => {
  it("is tried again after a 401 or 403 with any code", async () => {
    Object.assign(env, { IDP_SECRET: "canary-idp-old", ID_TOKEN: "canary-id-token" });
    await using idp = await startAuthorizationServer((_, response) => {
      env["IDP_SECRET"] = "canary-idp-new";
      return refusal(response, "temporarily_unavailable", 403);
    });
    const credential = { kind: "secret", secret: { env: "IDP_SECRET" } } as const;
    const grant = grantOf(
      idp.origin,
      {
        type: "enterprise_managed",
        client: secretClient(idp.origin),
        idp: {
          client: secretClient(idp.origin, { credential }),
          subject: { token: { env: "ID_TOKEN" }, type: "urn:ietf:params:oauth:token-type:id_token" },
        },
      },
      { env, clock },
    );
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(idp.tokenRequests()).toHaveLength(2);
  });

  it("is tried again if its own secret has changed, not if that of the other client has", async () => {
    Object.assign(env, { IDP_SECRET: "canary-idp-old", ID_TOKEN: "canary-id-token" });
    await using idp = await startAuthorizationServer(
      refusing("invalid_client", 401, () => {
        env["IDP_SECRET"] = "canary-idp-new";
      }),
    );
    await using mcp = await startAuthorizationServer(issue);
    const grant = grantOf(
      mcp.origin,
      {
        type: "enterprise_managed",
        client: secretClient(mcp.origin),
        idp: {
          client: secretClient(idp.origin, { credential: { kind: "secret", secret: { env: "IDP_SECRET" } } }),
          subject: { token: { env: "ID_TOKEN" }, type: "urn:ietf:params:oauth:token-type:id_token" },
        },
      },
      { env, clock },
    );
    expect(await acquire(grant)).toEqual(["again", "final"]);
    expect(idp.tokenRequests().map(({ headers }) => headers.authorization)).toEqual([
      basic("canary-idp-old"),
      basic("canary-idp-new"),
    ]);
    env["CRM_SECRET"] = "canary-another";
    expect(await acquire(grant)).toEqual(["final"]);
    expect(mcp.tokenRequests()).toEqual([]);
  });
});

describe("a credential that differs from that of the previous request", () => {
  it("is reported once, by its kind, for all scope sets of a manager", async () => {
    const heard: string[] = [];
    const credentials = new CredentialMemory();
    await using server = await startAuthorizationServer(issue);
    const { origin } = server;
    const spec: KeySpec = { privateKey: { env: "KEY" } };
    const keyed: ClientSpec = { issuer: origin, id: "crm-agent", credential: { kind: "key", key: spec } };
    const more = { env, clock, credentials };
    const secrets = [0, 1].map(() => clientCredentialsGrant(origin, secretClient(origin), more));
    const keys = [0, 1].map(() => clientCredentialsGrant(origin, keyed, more));
    env["KEY"] = old.privateKey;
    const all = async () => {
      for (const grant of [...secrets, ...keys]) {
        await grant({ signal: signal(), onCredentialChange: (change) => heard.push(change) });
      }
      return heard.splice(0);
    };
    expect(await all()).toEqual([]);
    expect(await all()).toEqual([]);
    env["CRM_SECRET"] = "canary-new";
    expect(await all()).toEqual(["secret:changed"]);
    env["KEY"] = renewed.privateKey;
    expect(await all()).toEqual(["key:rotated"]);
    expect(await all()).toEqual([]);
  });

  it("is reported by the next request, not by the read after a refusal", async () => {
    const heard: string[] = [];
    await using server = await startAuthorizationServer((request, response) => {
      heard.push("request");
      env["CRM_SECRET"] = "canary-new";
      return takes("canary-new")(request, response);
    });
    const credentials = new CredentialMemory();
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), {
      env,
      clock,
      credentials,
    });
    const outcomes = await acquire(grant, { onCredentialChange: (change) => heard.push(change) });
    expect(outcomes).toEqual(["again", "token"]);
    expect(heard).toEqual(["request", "secret:changed", "request"]);
    expect(await credentialsChanged(credentials, { server: "crm", env })).toBe(false);
  });

  it("is not reported for values that differ at each read", async () => {
    let issued = 0;
    const heard: string[] = [];
    const resolvers = { platform: () => unsignedJwt({ jti: `canary-${++issued}` }) };
    await using server = await startAuthorizationServer(issue);
    const { origin } = server;
    const reference = { resolver: "platform", ref: "token" };
    const more = { env, clock, resolvers, credentials: new CredentialMemory() };
    const client: ClientSpec = { issuer: origin, credential: { kind: "none" } };
    const assertion: AssertionSpec = { kind: "platform", reference };
    for (const grant of [
      grantOf(origin, { type: "jwt_bearer", client, assertion }, more),
      grantOf(origin, { type: "static", token: reference }, more),
    ]) {
      for (const _ of [0, 1]) {
        await grant({ signal: signal(), onCredentialChange: (change) => heard.push(change) });
      }
    }
    expect(heard).toEqual([]);
  });
});
