import {
  clientAssertion,
  type Product,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";

const issuer = "https://authentik.example.com/application/o/billing/";
const tokenEndpoint = "https://authentik.example.com/application/o/token/";
const id = "8hKq3vXcR2mN5pL7wYtZ1aBdFgJsUeVo0iTrCnMx";

const common = [
  ["grant_type", "client_credentials"],
  ["scope", "invoices"],
] as const;

const appPassword: Product = {
  mark: "authentik-app-password",
  title: "the authentik config with an app password sends it with the user name, and no client secret",
  env: { AUTHENTIK_APP_PASSWORD: "app-password" },
  requests: [
    tokenRequest(tokenEndpoint, [
      ...common,
      ["username", "billing-agent"],
      ["password", "app-password"],
      ["client_id", id],
    ]),
  ],
};

const podToken = platformToken({ sub: "system:serviceaccount:agents:billing", aud: issuer });

const kubernetes: Product = {
  mark: "authentik-kubernetes",
  title: "the authentik config for Kubernetes sends the pod's token as client assertion",
  files: { "/var/run/secrets/tokens/authentik": podToken },
  requests: [tokenRequest(tokenEndpoint, [...common, ["client_id", id], ...clientAssertion(podToken)])],
};

export const authentik: readonly Product[] = [appPassword, kubernetes];
