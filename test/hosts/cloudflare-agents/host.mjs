/** @type {import("../host.js").Host} */
export const host = {
  title: "Cloudflare Agents",
  page: "cloudflare-agents",
  packages: ["agents"],
  moduleResolution: "bundler",
  ways: [
    {
      way: "adapter",
      write: "`this.mcp.connect(crm.url, { transport: { type, ...transportOptions(crm) } })`",
      program: "driver.mjs",
      env: { WRANGLER_SEND_METRICS: "false" },
    },
  ],
};
