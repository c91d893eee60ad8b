import {
  clientAssertion,
  type Product,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
import { entraMetadata, entraTokenEndpoint } from "./entra.js";
import { idTokenRequest, runnerVariables } from "./github-runner.js";
import { platformRequest, trustingIssuer, trustingMetadata } from "./trusting-server.js";

const resource = "https://mcp.example.com/deploy";

const githubToken = platformToken({ sub: "repo:acme/agents:ref:refs/heads/main", aud: trustingIssuer });

const github: Product = {
  mark: "github",
  title: "the GitHub Actions config requests the job's token for the issuer and sends it as assertion",
  metadata: trustingMetadata,
  env: runnerVariables,
  requests: [idTokenRequest(trustingIssuer, githubToken), platformRequest(githubToken, "deploy", resource)],
};

const gitlabToken = platformToken({ sub: "project_path:acme/agents:ref_type:branch:ref:main" });

const gitlab: Product = {
  mark: "gitlab",
  title: "the GitLab CI config sends the ID token of the job as assertion",
  metadata: trustingMetadata,
  env: { MCP_ID_TOKEN: gitlabToken },
  requests: [platformRequest(gitlabToken, "deploy", resource)],
};

const circleToken = platformToken({ iss: "https://oidc.circleci.example/org/1" });

const circleci: Product = {
  mark: "circleci",
  title:
    "the CircleCI config requests a token for the issuer from the command line and sends it as assertion",
  metadata: trustingMetadata,
  commands: {
    circleci: {
      args: ["run", "oidc", "get", "--claims", `{"aud": "${trustingIssuer}"}`],
      prints: circleToken,
    },
  },
  requests: [platformRequest(circleToken, "deploy", resource)],
};

const buildkiteToken = platformToken({ sub: "organization:acme:pipeline:agents:ref:refs/heads/main" });

const buildkite: Product = {
  mark: "buildkite",
  title: "the Buildkite config requests a token for the issuer from the agent and sends it as assertion",
  metadata: trustingMetadata,
  commands: {
    "buildkite-agent": {
      args: ["oidc", "request-token", "--audience", trustingIssuer],
      prints: buildkiteToken,
    },
  },
  requests: [platformRequest(buildkiteToken, "deploy", resource)],
};

const pipelineToken = platformToken({ sub: "sc://acme/agents/entra", aud: "api://AzureADTokenExchange" });
const connection = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d";
const requestUri = "dev.azure.example/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken";

const azureDevOps: Product = {
  mark: "azure-devops",
  title:
    "the Azure DevOps config requests the connection's token and sends it to Entra ID as client assertion",
  metadata: entraMetadata,
  env: {
    SYSTEM_OIDCREQUESTURI: requestUri,
    SYSTEM_ACCESSTOKEN: "system-access-token",
    SERVICE_CONNECTION_ID: connection,
  },
  commands: {
    curl: {
      args: [
        ...["-sSf", "-H", "@-", "-H", "Content-Type: application/json", "-d", ""],
        `${requestUri}?api-version=7.1-preview.1&serviceConnectionId=${connection}`,
      ],
      stdin: "Authorization: Bearer system-access-token",
      prints: JSON.stringify({ oidcToken: pipelineToken }),
    },
  },
  requests: [
    tokenRequest(entraTokenEndpoint, [
      ["grant_type", "client_credentials"],
      ["scope", "api://5b6c7d8e-9f01-4a2b-8c3d-4e5f6a7b8c9d/.default"],
      ["client_id", "2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6"],
      ...clientAssertion(pipelineToken),
    ]),
  ],
};

export const ci: readonly Product[] = [github, gitlab, circleci, buildkite, azureDevOps];
