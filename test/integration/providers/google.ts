import {
  granted,
  jwtBearerGrant,
  type Localize,
  type Product,
  type ProductRequest,
  pem,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
import { idTokenRequest, runnerVariables } from "./github-runner.js";
import { rsa } from "./test-keys.js";

const account = "agent@acme-project.iam.gserviceaccount.com";
const kid = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
const tokenEndpoint = "https://oauth2.googleapis.com/token";

// Its issuer has no slash at the end.
const metadata = {
  "https://accounts.google.com/.well-known/openid-configuration": {
    issuer: "https://accounts.google.com",
    token_endpoint: tokenEndpoint,
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
  },
};

const files = {
  "./service-account.json": JSON.stringify({
    type: "service_account",
    private_key_id: kid,
    private_key: pem(rsa.privateKey),
    client_email: account,
  }),
};

/** The token request of an account. What it wants is a claim, and there is no client. */
function accountRequest(
  wanted: Readonly<Record<string, string>>,
  answer: ProductRequest["answer"] = granted,
) {
  const assertion = {
    privateKey: rsa.privateKey,
    header: { alg: "RS256", typ: "JWT", kid },
    claims: { iss: account, sub: account, aud: tokenEndpoint, ...wanted },
    lifetime: 300,
  };
  return tokenRequest(
    tokenEndpoint,
    [
      ["grant_type", jwtBearerGrant],
      ["assertion", assertion],
    ],
    { answer },
  );
}

const serviceAccount: Product = {
  mark: "google",
  title: "the Google config sends an assertion that contains the scopes, and no client",
  metadata,
  files,
  requests: [accountRequest({ scope: "https://www.googleapis.com/auth/cloud-platform" })],
};

const mcpMetadata = {
  ...metadata,
  "https://compute.googleapis.com/.well-known/oauth-protected-resource/mcp": {
    resource: "https://compute.googleapis.com/mcp",
    authorization_servers: ["https://accounts.google.com/"],
  },
};

const mcpServers: Product = {
  mark: "google-mcp",
  title: "the config for Google's MCP servers accepts an issuer with a slash and requests no issuer metadata",
  metadata: mcpMetadata,
  files,
  unread: Object.keys(metadata),
  requests: [accountRequest({ scope: "https://www.googleapis.com/auth/compute" })],
};

const provider =
  "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/agents/providers/github";
const jobToken = platformToken({ sub: "repo:acme/agents:ref:refs/heads/main", aud: `https:${provider}` });

const federation: Product = {
  mark: "google-federation",
  title:
    "the config for Google's workload identity federation exchanges the job's token, and sends no client",
  metadata: mcpMetadata,
  unread: Object.keys(metadata),
  env: runnerVariables,
  requests: [
    idTokenRequest(`https:${provider}`, jobToken),
    tokenRequest(
      "https://sts.googleapis.com/v1/token",
      [
        ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
        ["scope", "https://www.googleapis.com/auth/cloud-platform"],
        ["subject_token", jobToken],
        ["subject_token_type", "urn:ietf:params:oauth:token-type:jwt"],
        ["requested_token_type", "urn:ietf:params:oauth:token-type:access_token"],
        ["audience", provider],
      ],
      { answer: { ...granted, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" } },
    ),
  ],
};

const service = "https://billing-4f7g2h3j5k-ew.a.run.app";

/** Google creates it for the requested audience. */
function idTokenFor(audience: string) {
  const iat = Math.floor(Date.now() / 1_000);
  return (local: Localize) =>
    platformToken({ iss: "accounts.google", sub: account, aud: local(audience), iat, exp: iat + 3_600 });
}

const cloudRunFromGcp: Product = {
  mark: "cloud-run-gcp",
  title:
    "the Cloud Run config in Google Cloud sends the ID token that the metadata server issues for the service",
  env: (local) => ({ GCE_METADATA_HOST: local("http://metadata.google.internal").replace("http://", "") }),
  token: idTokenFor(service),
  requests: [
    {
      method: "GET",
      url: `http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity?audience=${encodeURIComponent(service)}&format=full`,
      // `fetch` adds `accept`.
      headers: { accept: "*/*", "metadata-flavor": "Google" },
      answer: idTokenFor(service),
      answerHeaders: { "Metadata-Flavor": "Google" },
    },
  ],
};

/** A product that accepts only an ID token for this audience. */
function idTokenProduct(mark: string, title: string, audience: string): Product {
  const token = idTokenFor(audience);
  return {
    mark,
    title,
    metadata,
    files,
    token,
    requests: [accountRequest({ target_audience: audience }, (local) => ({ id_token: token(local) }))],
  };
}

export const google: readonly Product[] = [
  ...[serviceAccount, mcpServers, federation, cloudRunFromGcp],
  idTokenProduct(
    "cloud-run-key",
    "the Cloud Run config with a key exchanges a JWT with target_audience for an ID token, and sends that",
    service,
  ),
  idTokenProduct(
    "iap",
    "the IAP config exchanges a JWT with the client ID of IAP as target_audience for an ID token, and sends that",
    "123456789012-a1b2c3d4e5f6.apps.googleusercontent.com",
  ),
];
