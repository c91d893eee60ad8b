import { tokensOnDemand } from "../phases.mjs";

// No requests to GitHub.
const env = { COPILOT_OFFLINE: "true" };

/** @type {import("../host.js").Host} */
export const host = {
  title: "GitHub Copilot SDK",
  page: "copilot",
  packages: ["@github/copilot-sdk"],
  ways: [
    {
      way: "adapter",
      write: "`mcpServers: mcpServers(auth), onMcpAuthRequest: mcpAuthHandler(auth)`",
      program: "agent.ts",
      env,
      phases: tokensOnDemand,
    },
    // The runtime is no Node program, so `register` does not reach its requests.
    { way: "proxy", write: "the URL of the proxy", program: "plain.ts", env },
  ],
};
