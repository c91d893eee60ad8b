import { clientAssertion, type Product, pem, tokenRequest } from "../../support/stand-in/product.js";
import { rsa } from "./test-keys.js";

const issuer = "https://acme.eu.auth0.com/";
const tokenEndpoint = "https://acme.eu.auth0.com/oauth/token";
const id = "Qw3rTyUi0pAsDfGhJkLzXcVbNm123456";

const metadata = {
  "https://acme.eu.auth0.com/.well-known/openid-configuration": {
    issuer,
    token_endpoint: tokenEndpoint,
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: ["RS256", "RS384", "PS256"],
  },
};

const common = [
  ["grant_type", "client_credentials"],
  ["scope", "read:invoices"],
  ["audience", "https://mcp.example.com/billing"],
] as const;

const secret: Product = {
  mark: "auth0-secret",
  title: "the Auth0 config with a secret sends it in the body, and the API as audience",
  metadata,
  env: { AUTH0_CLIENT_SECRET: "s3cret" },
  requests: [tokenRequest(tokenEndpoint, [...common, ["client_id", id], ["client_secret", "s3cret"]])],
};

const key: Product = {
  mark: "auth0-key",
  title: "the Auth0 config with a key sends an RS256 assertion for the issuer with its slash, without kid",
  metadata,
  files: { "./auth0.pem": pem(rsa.privateKey) },
  requests: [
    tokenRequest(tokenEndpoint, [
      ...common,
      ...clientAssertion({
        privateKey: rsa.privateKey,
        header: { alg: "RS256", typ: "JWT" },
        claims: { iss: id, sub: id, aud: issuer },
        lifetime: 60,
      }),
    ]),
  ],
};

export const auth0: readonly Product[] = [secret, key];
