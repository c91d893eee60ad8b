import { basic, type Product, tokenRequest } from "../../support/stand-in/product.js";

const pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";
const tokenEndpoint = "https://acme.auth.eu-central-1.amazoncognito.com/oauth2/token";

export const cognito: Product = {
  mark: "cognito",
  title: "the Amazon Cognito config sends Basic credentials to the domain of the pool, and a custom scope",
  metadata: {
    [`${pool}/.well-known/openid-configuration`]: {
      issuer: pool,
      token_endpoint: tokenEndpoint,
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    },
  },
  env: { COGNITO_CLIENT_SECRET: "s3cret" },
  requests: [
    tokenRequest(
      tokenEndpoint,
      [
        ["grant_type", "client_credentials"],
        ["scope", "https://mcp.example.com/billing/invoices.read"],
      ],
      { headers: basic("5k3j2h1g4f6d7s8a9p0o1i2u3y", "s3cret") },
    ),
  ],
};
