// Real servers at which one agent is registered with every kind of identity, and the client config for each.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, type JWK } from "jose";
import type { McpAuthConfig, SecretResolver } from "../../src/index.js";
import {
  type AuthorizationServerOptions,
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  selfSigned,
} from "../support/certificates.js";
import { type McpServerOptions, type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";
import { subjectOf } from "../support/mutual-tls.js";
import type { RegisteredClient } from "../support/registered-client.js";
import { createTokenIssuer, type TokenIssuer } from "../support/token-issuer.js";

type ServerConfig = McpAuthConfig<string>["servers"][string];
export type GrantConfig = ServerConfig["grant"];

const secret = "a-secret-of-more-than-thirty-two-bytes";
/** The account for which a vendor's own grant issues tokens. */
export const vendorAccount = "account-3";
const atIdp = (id: string) => `${id}-at-idp`;

/** Ids of the agent's clients. Clients with a certificate get certificate-bound tokens, or unbound ones: `-unbound`. */
export const clientIds = [
  ...["basic", "post", "hmac", "signer", "federated", "public"],
  ...["pki", "pki-unbound", "pinned", "pinned-unbound"],
] as const;
export type ClientId = (typeof clientIds)[number];

export interface IdentityServers extends AsyncDisposable {
  readonly issuer: RunningAuthorizationServer;
  readonly idp: RunningAuthorizationServer;
  /** Issues the tokens of the platform and of users who sign in. */
  readonly platform: TokenIssuer;
  /** A service account that signs its own assertions, as at Google. */
  readonly account: { readonly issuer: string };
  readonly authority: Authority;
  readonly identities: { readonly pki: IssuedCertificate; readonly pinned: IssuedCertificate };
  readonly publicKey: JWK;
  /** MCP servers that accept any token, only DPoP-bound tokens, or only certificate-bound tokens. */
  readonly mcp: Readonly<Record<"none" | "DPoP" | "mTLS", RunningMcpServer>>;
  /** All variables that the configs refer to. */
  readonly env: Readonly<Record<string, string>>;
  readonly resolvers: Readonly<Record<string, SecretResolver>>;
  readonly network: { readonly ca: readonly string[] };
  /** Returns the config of a client. */
  client(id: ClientId): Readonly<Record<string, unknown>> & { readonly issuer: string };
  /** Returns the config of the client's registration at the identity provider. */
  idpClient(id: ClientId): { readonly issuer: string; readonly id: string; readonly secret: { env: string } };
}

/** Starts all servers with https, a test certificate authority and a separate token endpoint for certificates. */
export async function startIdentityServers(
  options: Partial<AuthorizationServerOptions> & { readonly mcp?: Partial<McpServerOptions> } = {},
): Promise<IdentityServers> {
  const { mcp: mcpOptions, ...serverOptions } = options;
  const authority = await createAuthority();
  const pki = await authority.issue({ subject: "CN=agent, O=Acme, C=DE", client: true });
  const pinned = await selfSigned({ subject: "CN=agent" });
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const bare = await exportJWK(publicKey);
  const jwk = { ...bare, kid: await calculateJwkThumbprint(bare) };
  const platform = await createTokenIssuer("https://platform.example");
  const account = "agent@accounts.example";

  const subjects: Record<string, Record<string, string>> = {};
  const idp = await startAuthorizationServer({
    clients: clientIds.map((id) => ({ id: atIdp(id), secret })),
    tokenExchange: { issuers: [platform], idJag: { clients: subjects } },
  });
  const issuer = await startAuthorizationServer({
    clients: registered(jwk, platform, pki, pinned),
    scopes: ["read", "write"],
    dpop: { nonces: true },
    tls: { authority },
    jwtBearer: {
      issuers: [platform, idp, { issuer: account, keys: [jwk] }],
      withoutClient: true,
    },
    tokenExchange: { issuers: [platform], withoutClient: true },
    accountCredentials: { accounts: [vendorAccount] },
    ...serverOptions,
  });
  subjects[issuer.issuer] = Object.fromEntries(clientIds.map((id) => [atIdp(id), id]));

  const common = { issuer: issuer.issuer, scopes: ["read"], ...mcpOptions };
  const mcp = {
    none: await startMcpServer({ ...common, tls: { authority } }),
    DPoP: await startMcpServer({ ...common, tls: { authority }, dpop: { required: true, nonces: true } }),
    mTLS: await startMcpServer({ ...common, tls: { authority, required: true } }),
  };
  const folder = mkdtempSync(join(tmpdir(), "identity-servers-"));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.certificate);

  const signed: Readonly<Record<string, () => Promise<string>>> = {
    workload: () => platform.sign({ sub: "workload-7", aud: issuer.issuer }),
    client: () => platform.sign({ iss: "federated", sub: "federated", aud: issuer.issuer }),
    person: () => platform.sign({ sub: "ann", aud: issuer.issuer }),
    robot: () => platform.sign({ sub: "robot", aud: issuer.issuer }),
    ...Object.fromEntries(
      clientIds.map((id) => [`sign-in-${id}`, () => platform.sign({ sub: "ann", aud: atIdp(id) })]),
    ),
  };
  const close = async (): Promise<void> => {
    await Promise.all([...Object.values(mcp), issuer, idp].map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    issuer,
    idp,
    platform,
    account: { issuer: account },
    authority,
    identities: { pki, pinned },
    publicKey: jwk,
    mcp,
    env: {
      SECRET: secret,
      KEY: await exportPKCS8(privateKey),
      PKI_CERT: pki.certificate,
      PKI_KEY: pki.privateKey,
      PINNED_CERT: pinned.certificate,
      PINNED_KEY: pinned.privateKey,
    },
    resolvers: { platform: (ref) => signed[ref]?.() ?? "" },
    network: { ca: [ca] },
    client: (id) => ({ issuer: issuer.issuer, id, ...credentials[id] }),
    idpClient: (id) => ({ issuer: idp.issuer, id: atIdp(id), secret: { env: "SECRET" } }),
    [Symbol.asyncDispose]: close,
  };
}

const pkiCertificate = { certificate: { cert: { env: "PKI_CERT" }, key: { env: "PKI_KEY" } } };
const pinnedCertificate = {
  certificate: { cert: { env: "PINNED_CERT" }, key: { env: "PINNED_KEY" } },
  method: "self_signed_tls_client_auth",
};

const credentials: Readonly<Record<ClientId, Readonly<Record<string, unknown>>>> = {
  basic: { secret: { env: "SECRET" } },
  post: { secret: { env: "SECRET" }, method: "client_secret_post" },
  hmac: { secret: { env: "SECRET" }, method: "client_secret_jwt" },
  signer: { key: { privateKey: { env: "KEY" } } },
  federated: { assertion: { resolver: "platform", ref: "client" } },
  public: {},
  pki: pkiCertificate,
  "pki-unbound": pkiCertificate,
  pinned: pinnedCertificate,
  "pinned-unbound": pinnedCertificate,
};

function registered(
  jwk: JWK,
  platform: TokenIssuer,
  pki: IssuedCertificate,
  pinned: IssuedCertificate,
): readonly RegisteredClient[] {
  const [platformKey] = platform.keys;
  const subjectDn = subjectOf(pki.certificate);
  const certificates = [pinned.certificate];
  return [
    { id: "basic", secret },
    { id: "post", secret, method: "client_secret_post" },
    { id: "hmac", secret, method: "client_secret_jwt" },
    { id: "signer", publicKey: jwk },
    { id: "federated", ...(platformKey === undefined ? {} : { publicKey: platformKey }) },
    { id: "public" },
    { id: "pki", subjectDn },
    { id: "pki-unbound", subjectDn, certificateBound: false },
    { id: "pinned", certificates },
    { id: "pinned-unbound", certificates, certificateBound: false },
  ];
}
