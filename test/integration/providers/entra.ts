import { createPrivateKey } from "node:crypto";
import { selfSigned } from "../../support/certificates.js";
import { certificateThumbprint } from "../../support/mutual-tls.js";
import {
  basic,
  clientAssertion,
  jwtBearerGrant,
  type Product,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
import { idTokenRequest, runnerVariables } from "./github-runner.js";

const tenant = "https://login.microsoftonline.com/8e7a4d5c-3b21-4f6e-9a70-1c2d3e4f5a6b";
export const entraTokenEndpoint = `${tenant}/oauth2/v2.0/token`;
const id = "2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6";

const common = [
  ["grant_type", "client_credentials"],
  ["scope", "api://5b6c7d8e-9f01-4a2b-8c3d-4e5f6a7b8c9d/.default"],
] as const;

export const entraMetadata = {
  [`${tenant}/v2.0/.well-known/openid-configuration`]: {
    issuer: `${tenant}/v2.0`,
    token_endpoint: entraTokenEndpoint,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
  },
};

const secret: Product = {
  mark: "entra-secret",
  title: "the Entra ID config with a secret sends one .default scope, Basic credentials and no resource",
  metadata: entraMetadata,
  env: { ENTRA_CLIENT_SECRET: "a~b+c" },
  requests: [tokenRequest(entraTokenEndpoint, common, { headers: basic(id, "a%7Eb%2Bc") })],
};

const { certificate, privateKey } = await selfSigned({ keyType: "rsa" });

const withCertificate: Product = {
  mark: "entra-certificate",
  title: "the Entra ID config with a certificate sends client_id and a PS256 assertion with x5t#S256",
  metadata: entraMetadata,
  files: { "./entra.key": privateKey, "./entra.crt": certificate },
  requests: [
    tokenRequest(entraTokenEndpoint, [
      ...common,
      ["client_id", id],
      ...clientAssertion({
        privateKey: createPrivateKey(privateKey),
        header: { alg: "PS256", typ: "JWT", "x5t#S256": certificateThumbprint(certificate) },
        claims: { iss: id, sub: id, aud: entraTokenEndpoint },
        lifetime: 60,
      }),
    ]),
  ],
};

const audience = "api://AzureADTokenExchange";
const jobToken = platformToken({ sub: "repo:acme/agents:ref:refs/heads/main", aud: audience });

const github: Product = {
  mark: "entra-github",
  title: "the Entra ID config for GitHub Actions sends the job's token for its audience as client assertion",
  metadata: entraMetadata,
  env: runnerVariables,
  requests: [
    idTokenRequest(audience, jobToken),
    tokenRequest(entraTokenEndpoint, [...common, ["client_id", id], ...clientAssertion(jobToken)]),
  ],
};

const podToken = platformToken({ sub: "system:serviceaccount:agents:billing", aud: audience });

const kubernetes: Product = {
  mark: "entra-kubernetes",
  title: "the Entra ID config for Kubernetes sends the pod's token as client assertion",
  metadata: entraMetadata,
  files: { "/var/run/secrets/azure/tokens/azure-identity-token": podToken },
  requests: [tokenRequest(entraTokenEndpoint, [...common, ["client_id", id], ...clientAssertion(podToken)])],
};

const identityToken = platformToken({ sub: "6c5b4a39-2817-4f0e-9d8c-7b6a5f4e3d2c", aud: audience });

const managedIdentity: Product = {
  mark: "entra-azure",
  title: "the Entra ID config for Azure sends the token of the managed identity as client assertion",
  metadata: entraMetadata,
  env: (local) => ({ AZURE_POD_IDENTITY_AUTHORITY_HOST: local("http://metadata.azure.internal") }),
  requests: [
    {
      method: "GET",
      url: `http://metadata.azure.internal/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(audience)}&client_id=7d6c5b4a-3928-4f1e-8d0c-9b8a7f6e5d4c`,
      // `fetch` adds `accept`.
      headers: { accept: "*/*", metadata: "true" },
      answer: { access_token: identityToken, resource: audience, token_type: "Bearer" },
    },
    tokenRequest(entraTokenEndpoint, [...common, ["client_id", id], ...clientAssertion(identityToken)]),
  ],
};

const userToken = platformToken({ sub: "a-user", aud: "api://2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6" });

const onBehalfOf: Product = {
  mark: "entra-on-behalf-of",
  title:
    "the Entra ID config on behalf of a user sends the user's token as assertion, and requested_token_use",
  metadata: entraMetadata,
  env: { ENTRA_CLIENT_SECRET: "s3cret" },
  userToken,
  requests: [
    tokenRequest(
      entraTokenEndpoint,
      [
        ["grant_type", jwtBearerGrant],
        ["scope", "api://5b6c7d8e-9f01-4a2b-8c3d-4e5f6a7b8c9d/invoices.read"],
        ["assertion", userToken],
        ["requested_token_use", "on_behalf_of"],
      ],
      { headers: basic(id, "s3cret") },
    ),
  ],
};

export const entra: readonly Product[] = [
  ...[secret, withCertificate, github, kubernetes, managedIdentity, onBehalfOf],
];
