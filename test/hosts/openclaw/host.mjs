import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const plugin = fileURLToPath(new URL("../../../plugins/openclaw", import.meta.url));

/** @type {import("../host.js").Host} */
export const host = {
  title: "OpenClaw",
  page: "openclaw",
  packages: ["openclaw"],
  ways: [
    {
      way: "plugin",
      write: "`openclaw plugins install mcp-auth-openclaw`",
      program: "driver.mjs",
      // Limits of the gateway on startup, and of a call while it reloads its settings.
      retryIf: /step-refused|internal error|fetch failed|ended unexpectedly/,
      async prepare(place) {
        const path = join(place.folder, "plugin");
        await cp(plugin, path, { recursive: true });
        const { plugins } = await settingsIn(place.folder);
        // Without the plugins of OpenClaw itself, the gateway starts faster.
        const only = { allow: ["mcp-auth"], slots: { memory: "none" } };
        await writeSettings(place, { plugins: { ...plugins, ...only, load: { paths: [path] } } });
        // On its first start, the plugin writes the servers into openclaw.json.
        place.env.GATEWAY_READY = "[gateway] ready|hot reload applied (mcp.servers)";
      },
    },
    {
      way: "proxy",
      write: "what `proxy --print openclaw` prints",
      program: "driver.mjs",
      // Limits of the gateway on startup, and of a call while it reloads its settings.
      retryIf: /step-refused|internal error|fetch failed|ended unexpectedly/,
      async prepare(place) {
        const settings = JSON.parse(await place.proxy.print("openclaw"));
        await writeSettings(place, { ...settings, plugins: { enabled: false } });
        place.env.GATEWAY_READY = "[gateway] ready";
      },
    },
  ],
};

async function settingsIn(folder) {
  return JSON.parse(await readFile(join(folder, "openclaw.json"), "utf8"));
}

/** Writes ~/.openclaw: the settings with a model, and an API that a test can ask. */
async function writeSettings({ folder, home, env, modelUrl }, settings) {
  const port = await freePort();
  const token = randomBytes(24).toString("base64url");
  const state = join(home, ".openclaw");
  await mkdir(state, { mode: 0o700 });
  await cp(join(folder, "mcp-auth.config.json"), join(state, "mcp-auth.config.json"));
  const model = { id: "scripted", name: "scripted", contextWindow: 128_000, maxTokens: 4_096 };
  const all = {
    gateway: {
      ...{
        mode: "local",
        bind: "loopback",
        port,
        auth: { mode: "token", token },
        controlUi: { enabled: false },
      },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    models: {
      mode: "replace",
      providers: {
        test: { baseUrl: `${modelUrl}/v1`, apiKey: "none", api: "openai-completions", models: [model] },
      },
    },
    agents: {
      defaults: {
        ...{ model: { primary: "test/scripted" }, maxConcurrent: 10 },
        ...{ workspace: join(home, "workspace"), skipBootstrap: true, heartbeat: { every: "0m" } },
      },
    },
    // What the test does not need takes most of the time.
    cron: { enabled: false },
    // The scripted model calls the tool itself, and does not look for it first.
    tools: { profile: "minimal", alsoAllow: ["bundle-mcp"], toolSearch: false },
    ...settings,
  };
  await writeFile(join(state, "openclaw.json"), JSON.stringify(all, undefined, 2), { mode: 0o600 });
  Object.assign(env, { GATEWAY_PORT: `${port}`, GATEWAY_TOKEN: token });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
