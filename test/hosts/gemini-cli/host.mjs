import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** @type {import("../host.js").Host} */
export const host = {
  title: "Gemini CLI",
  page: "gemini-cli",
  packages: ["@google/gemini-cli"],
  ways: [
    {
      way: "register",
      // It keeps what other code writes to stderr, such as our warnings.
      failure: /FAILED .*HTTP 401/,
      write: '`"url"`; `NODE_OPTIONS="--import mcp-auth-runtime/register" gemini`',
      program: "driver.mjs",
      prepare: (place) =>
        writeSettings(place, { mcpServers: { crm: { type: "http", url: place.serverUrl } } }),
    },
    {
      way: "proxy",
      write: "what `proxy --print gemini` prints",
      program: "driver.mjs",
      prepare: async (place) => writeSettings(place, JSON.parse(await place.proxy.print("gemini"))),
    },
    {
      way: "proxy",
      variant: "in a project, token from a variable",
      write: `\`.gemini/settings.json\` with \`\${MCP_AUTH_PROXY_TOKEN}\``,
      program: "driver.mjs",
      async prepare(place) {
        const { folder, env, proxy } = place;
        const { origin, pathname } = new URL(proxy.url);
        env.MCP_AUTH_PROXY_TOKEN = pathname.split("/")[1];
        await mkdir(join(folder, ".gemini"));
        const text = await readFile(join(folder, "settings.json"), "utf8");
        await writeFile(join(folder, ".gemini/settings.json"), text.replace("http://127.0.0.1:8484", origin));
        await writeSettings(place, {});
      },
    },
    {
      way: "proxy",
      // Gemini CLI starts the command once per session.
      variant: "`--stdio`, with a file store",
      write: '`"args": ["mcp-auth-runtime", "proxy", "--stdio", "crm"]`',
      program: "driver.mjs",
      startsProxy: false,
      config: { store: { type: "file", path: "./store", encryptionKey: { env: "STORE_KEY" } } },
      prepare: (place) => {
        const command = { command: "mcp-auth-runtime", args: ["proxy", "--stdio", "crm"] };
        // Gemini CLI keeps variables from commands if their names or values look like a secret.
        const variables = ["CRM_URL", "CRM_ISSUER", "CRM_SECRET", "STORE_KEY"];
        const env = Object.fromEntries(variables.map((name) => [name, `\${${name}}`]));
        return writeSettings(place, { mcpServers: { crm: { ...command, env } } });
      },
    },
  ],
};

/** Writes settings of the proxy together with those of the model. Without the others, Gemini CLI asks other machines. */
async function writeSettings({ home, env }, settings) {
  // On Node 26, Gemini CLI reaches no MCP server over HTTP if NO_PROXY is set.
  for (const name of ["NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"]) delete env[name];
  await mkdir(join(home, ".gemini"));
  await writeFile(
    join(home, ".gemini/settings.json"),
    JSON.stringify({
      ...settings,
      general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
      model: { name: "gemini-2.5-flash" },
      privacy: { usageStatisticsEnabled: false },
      security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
    }),
  );
}
