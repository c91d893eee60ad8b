import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { hostSettings } from "../../../../src/proxy/host-settings/host-settings.js";
import { parseSettings } from "./parse-settings.js";

const folder = new URL("../../../../examples/hosts/", import.meta.url);
const tcp = { origin: "http://127.0.0.1:8484", token: "LOCAL_TOKEN" };

// In the files of a project, which are usually committed, the token comes from a variable.
it.each([
  ["opencode", "opencode/opencode.json", "LOCAL_TOKEN", "{env:MCP_AUTH_PROXY_TOKEN}"],
  ["gemini", "gemini-cli/settings.json", "LOCAL_TOKEN", `\${MCP_AUTH_PROXY_TOKEN}`],
  [
    "codex",
    "codex/config.toml",
    `http_headers = { "MCP-Auth-Proxy-Token" = "LOCAL_TOKEN" }`,
    `env_http_headers = { "MCP-Auth-Proxy-Token" = "MCP_AUTH_PROXY_TOKEN" }`,
  ],
] as const)(
  "the example of %s has the settings that are printed, without the token",
  (host, file, from, to) => {
    const example = readFileSync(new URL(file, folder), "utf8");
    const printed = hostSettings(host, ["crm"], tcp).text.replace(from, to);
    expect(parseSettings(host, example)).toEqual(parseSettings(host, printed));
  },
);
