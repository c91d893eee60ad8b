import { createAuthority } from "../../support/certificates.js";
import { jwtBearerGrant, type Product, platformToken, tokenRequest } from "../../support/stand-in/product.js";
import { idTokenRequest, runnerVariables } from "./github-runner.js";

const issuer = "https://auth.example.com";

/** The metadata of an authorization server that trusts the tokens of a platform. */
const metadata = {
  [`${issuer}/.well-known/oauth-authorization-server`]: {
    issuer,
    token_endpoint: `${issuer}/token`,
    grant_types_supported: [jwtBearerGrant],
  },
};

/** The token request that presents the token of a platform. */
function platformRequest(token: string, scope: string, resource: string) {
  return tokenRequest(`${issuer}/token`, [
    ["grant_type", jwtBearerGrant],
    ["scope", scope],
    ["assertion", token],
    ["resource", resource],
  ]);
}

const jobToken = platformToken({ sub: "repo:acme/agents:ref:refs/heads/main", aud: issuer });

const github: Product = {
  mark: "github",
  title: "the GitHub Actions config requests the job's token for the issuer and sends it as assertion",
  metadata,
  env: runnerVariables,
  requests: [
    idTokenRequest(issuer, jobToken),
    platformRequest(jobToken, "deploy", "https://mcp.example.com/deploy"),
  ],
};

/** A platform that keeps a token in a file. */
function tokenFile(mark: string, title: string, path: string): Product {
  const token = platformToken({ sub: "workload", aud: issuer });
  return {
    mark,
    title,
    metadata,
    files: { [path]: `${token}\n` },
    requests: [platformRequest(token, "invoices.read", "https://mcp.example.com/billing")],
  };
}

const authority = await createAuthority();
const clientCertificate = await authority.issue({ client: true, subject: "C=US, O=SPIRE" });

const x509: Product = {
  mark: "spiffe-x509",
  title:
    "the X.509-SVID config presents the certificate at the alias endpoint, with the SPIFFE ID as client_id",
  metadata: {
    [`${issuer}/.well-known/oauth-authorization-server`]: {
      issuer,
      token_endpoint: `${issuer}/token`,
      token_endpoint_auth_methods_supported: ["tls_client_auth"],
      mtls_endpoint_aliases: { token_endpoint: `${issuer}/mtls/token` },
    },
  },
  files: {
    "/run/spiffe/svid.pem": clientCertificate.certificate,
    "/run/spiffe/svid_key.pem": clientCertificate.privateKey,
  },
  mutualTls: { authority, own: clientCertificate, another: await authority.issue({ client: true }) },
  requests: [
    tokenRequest(`${issuer}/mtls/token`, [
      ["grant_type", "client_credentials"],
      ["scope", "invoices.read"],
      ["resource", "https://mcp.example.com/billing"],
      ["client_id", "spiffe://example.com/agents/billing"],
    ]),
  ],
};

export const platforms: readonly Product[] = [
  github,
  tokenFile(
    "kubernetes",
    "the Kubernetes config sends the projected token in its file as assertion",
    "/var/run/secrets/tokens/mcp",
  ),
  tokenFile(
    "spiffe-file",
    "the SPIFFE config with a file sends the JWT-SVID in it as assertion",
    "/run/spiffe/jwt_svid.token",
  ),
  x509,
];
