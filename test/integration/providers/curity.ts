import { clientAssertion, type Product, pem, tokenRequest } from "../../support/stand-in/product.js";
import { rsa } from "./test-keys.js";

const issuer = "https://login.example.com/oauth/v2/oauth-anonymous";
const tokenEndpoint = "https://login.example.com/oauth/v2/oauth-token";

export const curity: Product = {
  mark: "curity",
  title: "the Curity config sends a PS256 assertion for the token endpoint, with the registered kid",
  metadata: {
    [`${issuer}/.well-known/openid-configuration`]: {
      issuer,
      token_endpoint: tokenEndpoint,
      // Not seen. Curity documents these methods for clients.
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    },
  },
  files: { "./curity.pem": pem(rsa.privateKey) },
  requests: [
    tokenRequest(tokenEndpoint, [
      ["grant_type", "client_credentials"],
      ["scope", "read"],
      ...clientAssertion({
        privateKey: rsa.privateKey,
        header: { alg: "PS256", typ: "JWT", kid: "1" },
        claims: { iss: "billing-agent", sub: "billing-agent", aud: tokenEndpoint },
        lifetime: 60,
      }),
    ]),
  ],
};
