// A config with every kind of identity, all of them canaries: every source of secrets, grant, client authentication
// method and token binding.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import type { Canaries } from "../support/canaries.js";
import type { Authority } from "../support/certificates.js";
import { idTokenAudience, jwt, type Stage } from "./canaries-stage.js";

type Servers = Record<string, McpAuthConfig<string>["servers"][string]>;

export interface Identities {
  readonly config: McpAuthConfig<string>;
  readonly options: Required<Pick<McpAuthOptions, "env" | "resolvers" | "signers" | "cwd">>;
  /** Servers whose grant gets its subject token at run time. */
  readonly ofUsers: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

export async function plantIdentities(
  canaries: Canaries,
  stages: { readonly plain: Stage; readonly tls: Stage },
  authority: Authority,
  folder: string,
): Promise<Identities> {
  const keys = plantKeys(canaries);
  const agentCertificate = await authority.issue({ subject: "CN=agent", client: true });
  canaries.plantPem("key of a certificate", agentCertificate.privateKey);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return { file: name };
  };
  const prints = (text: string, pointer?: string) => ({
    exec: [process.execPath, "-e", script, file(`${canaries.size}.out`, text).file, noise.file],
    ...(pointer !== undefined && { pointer }),
  });
  const noise = file("noise", canaries.phrase("stderr of a command"));
  file("ca.pem", authority.certificate);

  const env: Record<string, string> = {
    SECRET: canaries.fresh("secret in a variable"),
    // At least as long as the hash of the algorithm.
    HMAC: canaries.word("secret of client_secret_jwt"),
    PEM: keys.pem,
    PASSPHRASE: keys.passphrase,
    CERT: agentCertificate.certificate,
    CERT_KEY: encrypted(canaries, agentCertificate.privateKey, keys.passphrase),
    HEADER: canaries.fresh("secret in a header"),
    SERVICES: JSON.stringify({
      gateway: [{ key: canaries.fresh("secret in a header of a client, at a pointer into a variable") }],
      note: canaries.phrase("neighbour of a secret"),
    }),
    PARAM: canaries.fresh("secret in a parameter"),
    STATIC: canaries.word("static token"),
    ACTIONS_ID_TOKEN_REQUEST_URL: stages.plain.mcp("github"),
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: canaries.word("token of a GitHub Actions job"),
    GCE_METADATA_HOST: stages.plain.origin,
    IDENTITY_ENDPOINT: `${stages.plain.origin}/msi/token`,
    IDENTITY_HEADER: canaries.word("identity header of an app"),
  };
  const tokens = (label: string) => ({ resolver: "platform", ref: label });
  const others = {
    id: canaries.phrase("neighbour of a secret"),
    other: canaries.phrase("neighbour of a secret"),
  };
  const bundle = JSON.stringify({ ...others, nested: [{ secret: canaries.fresh("secret at a pointer") }] });

  const clients: Readonly<Record<string, Fields>> = {
    basic: { secret: { env: "SECRET" } },
    raw: { secret: file("secret", `${canaries.word("secret in a file")}\n`), basicEncoding: "raw" },
    post: {
      secret: { ...file("bundle.json", bundle), pointer: "/nested/0/secret" },
      method: "client_secret_post",
    },
    hmac: { secret: { env: "HMAC" }, method: "client_secret_jwt" },
    command: { secret: prints(canaries.fresh("secret that a command prints")) },
    resolved: { secret: { resolver: "vault", ref: "ours", pointer: "/value" } },
    pem: { key: { privateKey: { env: "PEM" } } },
    encrypted: {
      key: { privateKey: file("encrypted.pem", keys.encryptedPem), passphrase: { env: "PASSPHRASE" } },
    },
    jwk: { key: { privateKey: file("key.jwk", keys.jwk) } },
    jwks: { key: { privateKey: { resolver: "jwks", ref: "ours" } } },
    sec1: { key: { privateKey: prints(keys.sec1) } },
    signer: { key: { signer: { name: "kms", format: "der" }, alg: "ES256", kid: "in-the-kms" } },
    federated: { assertion: tokens("client assertion of the platform") },
    tls: { certificate: { cert: { env: "CERT" }, key: file("cert.key", agentCertificate.privateKey) } },
    pinned: {
      certificate: { cert: { env: "CERT" }, key: { env: "CERT_KEY" }, passphrase: { env: "PASSPHRASE" } },
      method: "self_signed_tls_client_auth",
    },
    public: {},
  };
  const gateway = { headers: { "X-Gateway": { env: "SERVICES", pointer: "/gateway/0/key" } } };
  const clientOf = (stage: Stage, name: string, id: string): Fields => ({
    issuer: stage.issuer(name),
    id: `agent-${id}`,
    ...gateway,
    ...clients[id],
  });
  const subject = (label: string, type: string) => ({
    token: tokens(label),
    type: `urn:ietf:params:oauth:token-type:${type}`,
  });
  const idp = (name: string, token: object) => ({
    client: {
      issuer: stages.plain.issuer(`${name}-idp`),
      id: "agent-at-idp",
      secret: { env: "SECRET" },
      ...gateway,
    },
    subject: { token, type: "urn:ietf:params:oauth:token-type:id_token" },
  });
  const grants: Readonly<Record<string, (client: Fields, name: string) => Fields>> = {
    cc: (client) => ({ client, params: { "x-param": { env: "PARAM" } } }),
    identity: (client) => ({ client, audience: idTokenAudience, use: "id_token" }),
    platform: (client) => ({ type: "jwt_bearer", client, assertion: tokens("assertion of the platform") }),
    signed: (client) => ({
      type: "jwt_bearer",
      client,
      assertion: { key: { privateKey: { env: "PEM" } }, issuer: "account@example", subject: "robot" },
    }),
    exchange: (client) => ({
      type: "token_exchange",
      client,
      subject: subject("subject token", "jwt"),
      actor: subject("actor token", "jwt"),
    }),
    enterprise: (client, name) => ({
      type: "enterprise_managed",
      client,
      idp: idp(name, tokens("sign-in of a user")),
    }),
    extension: (client) => ({
      type: "extension",
      client,
      grantType: "urn:ietf:params:oauth:grant-type:saml2-bearer",
      params: { assertion: tokens("assertion in a parameter"), "x-param": { env: "PARAM" } },
    }),
    user: (client) => ({
      type: "token_exchange",
      client,
      subject: { token: { runtime: true }, type: "jwt" },
    }),
    behalf: (client) => ({ type: "jwt_bearer", client, assertion: { runtime: true } }),
    subject: (client) => ({
      type: "token_exchange",
      client,
      params: {
        subject_token: tokens("subject token in a parameter"),
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      },
    }),
    employee: (client, name) => ({ type: "enterprise_managed", client, idp: idp(name, { runtime: true }) }),
  };
  const bindings: Readonly<Record<string, Fields>> = {
    bare: {},
    dpop: { dpop: true },
    keyed: { dpop: { key: { privateKey: file("dpop.pem", keys.dpop) } } },
  };

  const servers: Record<string, Fields> = {};
  for (const [id, client] of Object.entries(clients)) {
    const stage = "certificate" in client ? stages.tls : stages.plain;
    for (const grant of Object.keys(grants)) {
      for (const binding of Object.keys(bindings)) {
        if (!isDriven(id, grant, binding)) continue;
        const name = [grant, id, binding].join("-");
        servers[name] = {
          url: stage.mcp(name),
          grant: grants[grant]?.(clientOf(stage, name, id), name),
          headers: { "X-Key": { env: "HEADER" } },
          ...bindings[binding],
        };
      }
    }
  }
  const { plain } = stages;
  servers["static"] = { url: plain.mcp("static"), grant: { type: "static", token: { env: "STATIC" } } };
  servers["actions"] = {
    url: plain.mcp("actions"),
    grant: {
      type: "jwt_bearer",
      client: { issuer: plain.issuer("actions") },
      assertion: { githubActions: { audience: "us" } },
    },
  };

  for (const [name, assertion] of Object.entries({
    gcp: { gcp: { audience: "us" } },
    azure: { azure: { resource: "api://us" } },
  })) {
    const client = { issuer: plain.issuer(name) };
    servers[name] = { url: plain.mcp(name), grant: { type: "jwt_bearer", client, assertion } };
    const header = `${name}-header`;
    servers[header] = {
      url: plain.mcp(header),
      grant: { client: { issuer: plain.issuer(header), id: "agent", secret: { env: "SECRET" } } },
      headers: { "X-Machine": assertion },
    };
  }

  const platform = (label: string) => canaries.plant(label, jwt("https://platform.example"));
  const jwks = JSON.stringify({ keys: [JSON.parse(keys.jwk)] });
  const vault = canaries.fresh("secret of a resolver");
  return {
    // Each server is built from parts of the config's union types.
    config: {
      network: { ca: ["ca.pem"] },
      // All servers start at once, which takes time on a busy machine.
      defaults: { timeout: "1m", deadline: "4m" },
      servers: servers as object as Servers,
    },
    options: {
      cwd: folder,
      env,
      resolvers: {
        platform,
        vault: () => JSON.stringify({ value: vault, note: canaries.phrase("neighbour of a secret") }),
        jwks: () => jwks,
      },
      signers: { kms: ({ input }) => sign("sha256", Buffer.from(input), keys.ofSigner) },
    },
    ofUsers: Object.keys(servers).filter((name) => /^(user|behalf|employee)-/.test(name)),
  };
}

/** One client for each authentication method. */
const methods: ReadonlySet<string> = new Set([
  ...["basic", "post", "hmac", "pem", "federated", "tls", "pinned", "public"],
]);

/** Grants that authenticate the client as others do, and send other secrets. */
const variants: ReadonlySet<string> = new Set(["identity", "extension", "subject", "behalf"]);

/** Selects every authentication method in every grant, other clients in one grant, and bindings where they differ. */
function isDriven(id: string, grant: string, binding: string): boolean {
  if (variants.has(grant)) return binding === "bare" && (id === "basic" || id === "pem");
  if (binding === "keyed") return id === "pem" && grant === "cc";
  if (binding === "dpop" && id !== "pem" && id !== "tls") return grant === "cc" && methods.has(id);
  return grant === "cc" || methods.has(id);
}

/** Program that prints one file on stdout and another on stderr. */
const script =
  'const { readFileSync: r } = require("node:fs"); process.stderr.write(r(process.argv[2])); process.stdout.write(r(process.argv[1]))';

function plantKeys(canaries: Canaries) {
  const make = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const pemOf = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
  const passphrase = canaries.fresh("passphrase");
  const jwk = make().export({ format: "jwk" });
  canaries.plant("private key, JWK", String(jwk.d));
  return {
    passphrase,
    pem: canaries.plantPem("private key, PEM", pemOf(make())),
    encryptedPem: encrypted(canaries, pemOf(make()), passphrase),
    jwk: JSON.stringify({ ...jwk, alg: "ES256", kid: "of-the-jwk" }),
    sec1: canaries.plantPem("private key, SEC 1", make().export({ type: "sec1", format: "pem" }).toString()),
    dpop: canaries.plantPem("DPoP key", pemOf(make())),
    ofSigner: make(),
  };
}

/** Encrypts a private key, and plants both the encrypted and the plain PEM. */
export function encrypted(canaries: Canaries, pem: string, passphrase: string): string {
  canaries.plantPem("key inside of an encrypted one", pem);
  const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase } as const;
  return canaries.plantPem("encrypted private key", createPrivateKey(pem).export(options).toString());
}
