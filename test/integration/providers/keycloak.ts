import { calculateJwkThumbprint } from "jose";
import {
  clientAssertion,
  type Product,
  pem,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
import { p256 } from "./test-keys.js";

export const realm = "https://keycloak.example.com/realms/acme";
export const realmTokenEndpoint = `${realm}/protocol/openid-connect/token`;

export const realmMetadata = {
  [`${realm}/.well-known/openid-configuration`]: {
    issuer: realm,
    token_endpoint: realmTokenEndpoint,
    token_endpoint_auth_methods_supported: [
      ...["private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth"],
      "client_secret_jwt",
    ],
    token_endpoint_auth_signing_alg_values_supported: [
      ...["PS384", "RS384", "EdDSA", "ES384", "HS256", "ES256", "RS256"],
    ],
  },
};

export const realmFields = [
  ["grant_type", "client_credentials"],
  ["scope", "mcp-billing"],
  ["resource", "https://mcp.example.com/billing"],
] as const;

const key: Product = {
  mark: "keycloak-key",
  title: "the Keycloak config with a key sends an assertion for the realm with the key's thumbprint as kid",
  metadata: realmMetadata,
  files: { "./keycloak.pem": pem(p256.privateKey) },
  requests: [
    tokenRequest(realmTokenEndpoint, [
      ...realmFields,
      ...clientAssertion({
        privateKey: p256.privateKey,
        header: {
          alg: "ES256",
          typ: "client-authentication+jwt",
          kid: await calculateJwkThumbprint(p256.publicKey.export({ format: "jwk" })),
        },
        claims: { iss: "billing-agent", sub: "billing-agent", aud: realm },
        lifetime: 60,
      }),
    ]),
  ],
};

const account = "system:serviceaccount:agents:billing";
const podToken = platformToken({ sub: account, aud: realm });

const kubernetes: Product = {
  mark: "keycloak-kubernetes",
  title: "the Keycloak config for Kubernetes sends the pod's token with its subject as client_id",
  metadata: realmMetadata,
  files: { "/var/run/secrets/tokens/keycloak": `${podToken}\n` },
  requests: [
    tokenRequest(realmTokenEndpoint, [...realmFields, ["client_id", account], ...clientAssertion(podToken)]),
  ],
};

export const keycloak: readonly Product[] = [key, kubernetes];
