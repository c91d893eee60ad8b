import { calculateJwkThumbprint } from "jose";
import { basic, clientAssertion, type Product, pem, tokenRequest } from "../../support/stand-in/product.js";
import { rsa } from "./test-keys.js";

const environment = "https://auth.pingone.eu/7d1c0a52-93f4-4e6b-8a1d-5b2c3d4e5f60/as";
const applicationId = "3c5e7a91-b2d4-4f68-9c0e-1a3b5d7f9e2c";

const pingOne: Product = {
  mark: "pingone",
  title: "the PingOne config sends an RS256 assertion for the issuer with the key's thumbprint as kid",
  metadata: {
    [`${environment}/.well-known/openid-configuration`]: {
      issuer: environment,
      token_endpoint: `${environment}/token`,
      // Ping documents these methods for applications. Its list in the metadata was not seen.
      token_endpoint_auth_methods_supported: [
        ...["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"],
      ],
    },
  },
  files: { "./pingone.pem": pem(rsa.privateKey) },
  requests: [
    tokenRequest(`${environment}/token`, [
      ["grant_type", "client_credentials"],
      ["scope", "invoices:read"],
      ...clientAssertion({
        privateKey: rsa.privateKey,
        header: {
          alg: "RS256",
          typ: "JWT",
          kid: await calculateJwkThumbprint(rsa.publicKey.export({ format: "jwk" })),
        },
        claims: { iss: applicationId, sub: applicationId, aud: environment },
        lifetime: 60,
      }),
    ]),
  ],
};

const federate = "https://sso.example.com";

const pingFederate: Product = {
  mark: "pingfederate",
  title: "the PingFederate config sends Basic credentials to /as/token.oauth2, and no resource",
  metadata: {
    [`${federate}/.well-known/openid-configuration`]: {
      issuer: federate,
      token_endpoint: `${federate}/as/token.oauth2`,
      token_endpoint_auth_methods_supported: [
        ...["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"],
        ...["tls_client_auth", "none"],
      ],
    },
  },
  env: { PINGFEDERATE_CLIENT_SECRET: "s3cret" },
  requests: [
    tokenRequest(
      `${federate}/as/token.oauth2`,
      [
        ["grant_type", "client_credentials"],
        ["scope", "invoices.read"],
      ],
      { headers: basic("billing-agent", "s3cret") },
    ),
  ],
};

export const ping: readonly Product[] = [pingOne, pingFederate];
