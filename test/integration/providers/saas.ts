import { basic, type Product, tokenRequest } from "../../support/stand-in/product.js";
import { entraMetadata, entraTokenEndpoint } from "./entra.js";

const serviceNow: Product = {
  mark: "servicenow",
  title: "the ServiceNow config sends id and secret in the body to oauth_token.do",
  env: { SERVICENOW_CLIENT_SECRET: "s3cret" },
  requests: [
    tokenRequest("https://acme.service-now.com/oauth_token.do", [
      ["grant_type", "client_credentials"],
      ["client_id", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
      ["client_secret", "s3cret"],
    ]),
  ],
};

const snowflake: Product = {
  mark: "snowflake-entra",
  title:
    "the Snowflake config requests the token from Entra ID, for the application that stands for Snowflake",
  metadata: entraMetadata,
  env: { ENTRA_CLIENT_SECRET: "s3cret" },
  requests: [
    tokenRequest(
      entraTokenEndpoint,
      [
        ["grant_type", "client_credentials"],
        ["scope", "api://5b6c7d8e-9f01-4a2b-8c3d-4e5f6a7b8c9d/.default"],
      ],
      { headers: basic("2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6", "s3cret") },
    ),
  ],
};

const zoom: Product = {
  mark: "zoom",
  title: "the Zoom config sends account_credentials with the account and Basic credentials",
  env: { ZOOM_CLIENT_SECRET: "s3cret" },
  requests: [
    tokenRequest(
      "https://zoom.us/oauth/token",
      [
        ["grant_type", "account_credentials"],
        ["account_id", "Wk9PTV9BQ0NPVU5UX0lE"],
      ],
      { headers: basic("q3W5eR7tY9uI1oP", "s3cret") },
    ),
  ],
};

export const saas: readonly Product[] = [serviceNow, snowflake, zoom];
