import {
  jwtBearerGrant,
  type Localize,
  type Product,
  pem,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
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

/** The token request of an account. Scopes are a claim, and there is no client. */
function accountRequest(scope: string) {
  const assertion = {
    privateKey: rsa.privateKey,
    header: { alg: "RS256", typ: "JWT", kid },
    claims: { iss: account, sub: account, aud: tokenEndpoint, scope },
    lifetime: 300,
  };
  return tokenRequest(tokenEndpoint, [
    ["grant_type", jwtBearerGrant],
    ["assertion", assertion],
  ]);
}

const serviceAccount: Product = {
  mark: "google",
  title: "the Google config sends an assertion that contains the scopes, and no client",
  metadata,
  files,
  requests: [accountRequest("https://www.googleapis.com/auth/cloud-platform")],
};

const mcpServers: Product = {
  mark: "google-mcp",
  title: "the config for Google's MCP servers accepts an issuer with a slash and requests no issuer metadata",
  metadata: {
    ...metadata,
    "https://compute.googleapis.com/.well-known/oauth-protected-resource/mcp": {
      resource: "https://compute.googleapis.com/mcp",
      authorization_servers: ["https://accounts.google.com/"],
    },
  },
  files,
  unread: Object.keys(metadata),
  requests: [accountRequest("https://www.googleapis.com/auth/compute")],
};

const service = "https://billing-4f7g2h3j5k-ew.a.run.app";

/** The metadata server creates it for the requested audience. */
const idToken = (local: Localize) => platformToken({ sub: account, aud: local(service) });

const cloudRunFromGcp: Product = {
  mark: "cloud-run-gcp",
  title:
    "the Cloud Run config in Google Cloud sends the ID token that the metadata server issues for the service",
  env: (local) => ({ GCE_METADATA_HOST: local("http://metadata.google.internal").replace("http://", "") }),
  token: idToken,
  requests: [
    {
      method: "GET",
      url: `http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity?audience=${encodeURIComponent(service)}&format=full`,
      // `fetch` adds `accept`.
      headers: { accept: "*/*", "metadata-flavor": "Google" },
      answer: idToken,
      answerHeaders: { "Metadata-Flavor": "Google" },
    },
  ],
};

export const google: readonly Product[] = [serviceAccount, mcpServers, cloudRunFromGcp];
