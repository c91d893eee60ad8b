import { clientAssertion, type Product, tokenRequest } from "../../support/stand-in/product.js";
import { rsa } from "./test-keys.js";

const server = "https://acme.okta.com/oauth2/default";
const id = "0oa1b2c3d4e5f6g7h8i9";

export const okta: Product = {
  mark: "okta",
  title: "the Okta config sends an RS256 assertion for the token endpoint, and a custom scope",
  metadata: {
    "https://acme.okta.com/.well-known/oauth-authorization-server/oauth2/default": {
      issuer: server,
      token_endpoint: `${server}/v1/token`,
      token_endpoint_auth_methods_supported: [
        ...["client_secret_basic", "client_secret_post", "client_secret_jwt"],
        ...["private_key_jwt", "none"],
      ],
      token_endpoint_auth_signing_alg_values_supported: [
        ...["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"],
      ],
    },
  },
  files: {
    "./okta.jwk.json": JSON.stringify({ ...rsa.privateKey.export({ format: "jwk" }), kid: "okta-1" }),
  },
  requests: [
    tokenRequest(`${server}/v1/token`, [
      ["grant_type", "client_credentials"],
      ["scope", "invoices.read"],
      ...clientAssertion({
        privateKey: rsa.privateKey,
        header: { alg: "RS256", typ: "JWT", kid: "okta-1" },
        claims: { iss: id, sub: id, aud: `${server}/v1/token` },
        lifetime: 60,
      }),
    ]),
  ],
};
