/** @type {import("../host.js").Host} */
export const host = {
  title: "VoltAgent",
  page: "voltagent",
  packages: ["@voltagent/core"],
  ways: [
    {
      way: "register",
      variant: "in code",
      write: "`register(auth)`, and the plain URL",
      program: "agent.ts",
      // The runner also sets the flag of the other way. This turns it off.
      env: { MCP_AUTH_REGISTER: "off" },
    },
    {
      way: "register",
      write: "the plain URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
    { way: "proxy", write: "the URL of the proxy", program: "plain.ts" },
  ],
};
