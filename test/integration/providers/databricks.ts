import { basic, type Product, platformToken, tokenRequest } from "../../support/stand-in/product.js";
import { idTokenRequest, runnerVariables } from "./github-runner.js";

const workspace = "https://dbc-a1b2345c-d6e7.cloud.databricks.com";
const tokenEndpoint = `${workspace}/oidc/v1/token`;
const id = "4e2c8b7a-1f90-4d3e-a6b5-c7d8e9f0a1b2";

const metadata = {
  [`${workspace}/oidc/.well-known/openid-configuration`]: {
    issuer: `${workspace}/oidc`,
    token_endpoint: tokenEndpoint,
    grant_types_supported: ["client_credentials", "authorization_code", "refresh_token"],
    // Nobody has published the list. Without `none`, a client that has no credential needs `method` in its config.
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
  },
};

/** The metadata does not list the grant or the method, which is reported once each. */
const unlisted = "unsupported_by_server";

const secret: Product = {
  mark: "databricks-secret",
  title: "the Databricks config sends the service principal's secret in a Basic header, and all-apis",
  metadata,
  env: { DATABRICKS_CLIENT_SECRET: "dose1234567890" },
  requests: [
    tokenRequest(
      tokenEndpoint,
      [
        ["grant_type", "client_credentials"],
        ["scope", "all-apis"],
      ],
      { headers: basic(id, "dose1234567890") },
    ),
  ],
};

/** The fields that exchange a token. */
function exchange(token: string) {
  return [
    ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
    ["scope", "all-apis"],
    ["subject_token", token],
    ["subject_token_type", "urn:ietf:params:oauth:token-type:jwt"],
  ] as const;
}

const audience = "https://github.com/acme";
const jobToken = platformToken({ sub: "repo:acme/agents:environment:prod", aud: audience });

const federation: Product = {
  mark: "databricks-federation",
  title:
    "the Databricks config for a service principal's policy exchanges the job's token with its client_id",
  metadata,
  env: runnerVariables,
  requests: [
    idTokenRequest(audience, jobToken),
    tokenRequest(tokenEndpoint, [...exchange(jobToken), ["client_id", id]]),
  ],
  warnings: [unlisted, unlisted],
};

const accountToken = platformToken({ sub: "billing-agent", aud: "databricks" });

const accountFederation: Product = {
  mark: "databricks-account-federation",
  title: "the Databricks config for an account's policy exchanges the token in its file without a client_id",
  metadata,
  files: { "/var/run/secrets/tokens/databricks": accountToken },
  requests: [tokenRequest(tokenEndpoint, exchange(accountToken))],
  warnings: [unlisted],
};

export const databricks: readonly Product[] = [secret, federation, accountFederation];
