import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** @type {import("../host.js").Host} */
export const host = {
  title: "Codex",
  page: "codex",
  packages: ["@openai/codex"],
  ways: [
    {
      way: "proxy",
      write: "what `proxy --print codex` prints",
      program: "driver.mjs",
      prepare: async (place) => writeSettings(place, await place.proxy.print("codex")),
    },
    {
      way: "proxy",
      variant: "in a project, token from a variable",
      write: "`.codex/config.toml` with `env_http_headers`",
      program: "driver.mjs",
      async prepare(place) {
        const { folder, env, proxy } = place;
        const path = join(folder, ".codex/config.toml");
        const { origin, pathname } = new URL(proxy.url);
        env.MCP_AUTH_PROXY_TOKEN = pathname.split("/")[1];
        await mkdir(join(folder, ".codex"));
        const text = await readFile(join(folder, "config.toml"), "utf8");
        await writeFile(path, text.replace("http://127.0.0.1:8484", origin));
        await writeSettings(place, `[projects.${JSON.stringify(folder)}]\ntrust_level = "trusted"`);
      },
    },
    {
      way: "proxy",
      // Codex starts the command once per thread.
      variant: "`--stdio`, with a file store",
      write: '`args = ["mcp-auth-runtime", "proxy", "--stdio", "crm"]`',
      program: "driver.mjs",
      startsProxy: false,
      config: { store: { type: "file", path: "./store", encryptionKey: { env: "STORE_KEY" } } },
      prepare: async (place) =>
        writeSettings(
          place,
          `[mcp_servers.crm]
command = "mcp-auth-runtime"
args = ["proxy", "--stdio", "crm"]
env_vars = ["CRM_URL", "CRM_ISSUER", "CRM_SECRET", "STORE_KEY"]`,
        ),
    },
  ],
};

/** Writes settings of the proxy together with those of the model. Without the others, Codex asks other machines. */
async function writeSettings({ home, modelUrl }, settings) {
  await mkdir(join(home, ".codex"));
  await writeFile(
    join(home, ".codex/config.toml"),
    `model = "scripted"
model_provider = "local"
check_for_update_on_startup = false

[analytics]
enabled = false

[features]
apps = false
plugins = false
shell_snapshot = false

[model_providers.local]
name = "Local"
base_url = "${modelUrl}/v1"
wire_api = "responses"

${settings}
`,
  );
}
