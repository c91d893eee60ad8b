import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

// Otherwise opencode asks other machines for a list of models, for updates, and for a package of its own.
const env = {
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  npm_config_registry: "http://127.0.0.1:9",
};

/** @type {import("../host.js").Host} */
export const host = {
  title: "opencode",
  page: "opencode",
  packages: ["opencode-ai"],
  ways: [
    {
      way: "proxy",
      write: "what `proxy --print opencode` prints",
      program: "driver.mjs",
      env,
      async prepare({ folder, home, modelUrl, proxy }) {
        const settings = JSON.parse(await proxy.print("opencode"));
        await mkdir(join(home, ".config/opencode"), { recursive: true });
        await writeSettings(join(home, ".config/opencode/opencode.json"), settings, modelUrl);
        // Settings of a project come first.
        await rm(join(folder, "opencode.json"));
      },
    },
    {
      way: "proxy",
      variant: "in a project, token from a variable",
      write: "`opencode.json` with `{env:MCP_AUTH_PROXY_TOKEN}`",
      program: "driver.mjs",
      env,
      async prepare({ folder, env, modelUrl, proxy }) {
        const path = join(folder, "opencode.json");
        const { origin, pathname } = new URL(proxy.url);
        const text = (await readFile(path, "utf8")).replace("http://127.0.0.1:8484", origin);
        env.MCP_AUTH_PROXY_TOKEN = pathname.split("/")[1];
        await writeSettings(path, JSON.parse(text), modelUrl);
      },
    },
    {
      way: "proxy",
      variant: "`--stdio`",
      write: '`"command": ["npx", "mcp-auth-runtime", "proxy", "--stdio", "crm"]`',
      program: "driver.mjs",
      env,
      startsProxy: false,
      async prepare({ folder, modelUrl }) {
        const command = ["mcp-auth-runtime", "proxy", "--stdio", "crm"];
        const settings = { mcp: { crm: { type: "local", command } } };
        await writeSettings(join(folder, "opencode.json"), settings, modelUrl);
      },
    },
  ],
};

/** Writes settings of the proxy together with those of the model. */
async function writeSettings(path, settings, modelUrl) {
  const options = { baseURL: `${modelUrl}/v1`, apiKey: "none" };
  const models = { scripted: { name: "Scripted" } };
  const provider = { local: { npm: "@ai-sdk/openai-compatible", options, models } };
  await writeFile(
    path,
    JSON.stringify({
      ...settings,
      ...{ provider, enabled_providers: ["local"], model: "local/scripted", small_model: "local/scripted" },
      ...{ autoupdate: false, share: "disabled" },
    }),
  );
}
