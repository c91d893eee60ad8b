import { execFile } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { helperTokens } from "./phases.mjs";
import { addNpx, claudeEnv, unattended } from "./settings.mjs";

const plugin = fileURLToPath(new URL("../../../plugins/claude-code", import.meta.url));

/** @type {import("../host.js").Host} */
export const host = {
  title: "Claude Code",
  page: "claude-code",
  packages: ["@anthropic-ai/claude-code"],
  ways: [
    {
      way: "proxy",
      variant: "stdio",
      write: "`claude mcp add crm -- npx mcp-auth-runtime proxy --stdio crm`",
      program: "driver.mjs",
      startsProxy: false,
      env: envFor("mcp__crm"),
      prepare: addNpx,
    },
    {
      way: "proxy",
      variant: "HTTP",
      write: "what `mcp-auth-runtime proxy --print claude-code` prints",
      program: "driver.mjs",
      env: envFor("mcp__crm"),
      async prepare({ folder, proxy }) {
        await writeFile(join(folder, ".mcp.json"), await proxy.print("claude-code"));
      },
    },
    {
      way: "headers helper",
      phases: helperTokens,
      // Claude Code waits ten seconds for the command.
      retryIf: /rejected the credential from its headersHelper|no tool echo/,
      startsSlow: false,
      write: '`"headersHelper": "npx mcp-auth-runtime headers --env-file .env"`',
      program: "driver.mjs",
      env: envFor("mcp__crm"),
      async prepare(place) {
        await addNpx(place);
        const { folder, home, env } = place;
        const headersHelper = "npx mcp-auth-runtime headers --env-file .env";
        const mcpServers = { crm: { type: "http", url: "${CRM_URL}", headersHelper } };
        await writeFile(join(folder, ".mcp.json"), JSON.stringify({ mcpServers }));
        await writeFile(join(folder, ".env"), `CRM_SECRET=${env.CRM_SECRET}\n`);
        // The dialog that asks whether to trust the folder.
        const projects = { [folder]: { hasTrustDialogAccepted: true } };
        await writeFile(join(home, ".claude.json"), JSON.stringify({ projects }));
      },
    },
    {
      way: "plugin",
      write: "`claude plugin install mcp-auth@mcp-auth-runtime`",
      program: "driver.mjs",
      env: envFor("mcp__plugin_mcp-auth_crm"),
      async prepare(place) {
        await addNpx(place);
        const copy = await copyPlugin(place);
        await claude(place, "plugin", "validate", copy);
        await claude(place, "plugin", "marketplace", "add", copy);
        await claude(place, "plugin", "install", "mcp-auth@mcp-auth-runtime");
      },
    },
    {
      way: "plugin",
      variant: "headers helper",
      write: "`claude --plugin-dir`, with `headers.mcp.json`",
      program: "driver.mjs",
      phases: helperTokens,
      // Claude Code waits ten seconds for the command.
      retryIf: /rejected the credential from its headersHelper|no tool echo/,
      startsSlow: false,
      env: envFor("mcp__plugin_mcp-auth_crm", "--plugin-dir", "plugin"),
      async prepare(place) {
        await addNpx(place);
        const copy = await copyPlugin(place);
        await rm(join(copy, ".mcp.json"));
        await edit(join(copy, ".claude-plugin/plugin.json"), (manifest) => {
          manifest.mcpServers = "./headers.mcp.json";
        });
        await edit(join(copy, "headers.mcp.json"), ({ mcpServers: { crm } }) => {
          crm.url = place.serverUrl;
        });
        // Claude Code hides the variable with the secret from the command.
        await writeFile(join(copy, "secret"), place.env.CRM_SECRET);
        await edit(join(copy, "mcp-auth.config.json"), ({ servers: { crm } }) => {
          crm.grant.client.secret = { file: "secret" };
        });
      },
    },
  ],
};

function envFor(server, ...args) {
  return { ...claudeEnv, ...unattended, CLAUDE_ARGS: JSON.stringify(["--allowedTools", server, ...args]) };
}

async function edit(path, change) {
  const value = JSON.parse(await readFile(path, "utf8"));
  change(value);
  await writeFile(path, JSON.stringify(value));
}

/** Copies the plugin, with the config of the test, as a person does who makes it their own. */
async function copyPlugin({ folder }) {
  const copy = join(folder, "plugin");
  await rm(join(folder, ".mcp.json"));
  await cp(plugin, copy, { recursive: true });
  await cp(join(folder, "mcp-auth.config.json"), join(copy, "mcp-auth.config.json"));
  return copy;
}

async function claude({ folder, node, env }, ...args) {
  const { resolve } = createRequire(join(folder, "driver.mjs"));
  const launcher = resolve("@anthropic-ai/claude-code/cli-wrapper.cjs");
  await promisify(execFile)(node, [launcher, ...args], { cwd: folder, env });
}
