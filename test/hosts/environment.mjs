// The environment of a host's process.
import { randomBytes } from "node:crypto";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Returns the environment of a host. It has no browser in the PATH and no settings of a person, and the usual variables
 * of model clients lead to the scripted model.
 *
 * @param {{ folder: string, node: string, modelUrl: string, guard: string, url: string, issuer: string, secret: string }} place
 * @returns {Promise<Record<string, string>>}
 */
export async function environment({ folder, node, modelUrl, guard, url, issuer, secret }) {
  const home = join(folder, "home");
  const bin = join(folder, "bin");
  await mkdir(home, { recursive: true });
  await mkdir(bin, { recursive: true });
  await symlink(node, join(bin, "node"));
  return {
    CRM_URL: url,
    CRM_ISSUER: issuer,
    CRM_SECRET: secret,
    STORE_KEY: randomBytes(32).toString("base64url"),
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_STATE_HOME: join(home, ".state"),
    TMPDIR: home,
    PATH: [bin, join(dirname(dirname(folder)), "node_modules/.bin")].join(":"),
    NODE_OPTIONS: `--import=${guard}`,
    NODE_ENV: "production",
    NO_COLOR: "1",
    MODEL_URL: modelUrl,
    OPENAI_BASE_URL: `${modelUrl}/v1`,
    OPENAI_API_KEY: "none",
    ANTHROPIC_BASE_URL: modelUrl,
    ANTHROPIC_API_KEY: "none",
    GOOGLE_GEMINI_BASE_URL: modelUrl,
    GEMINI_API_KEY: "none",
    GOOGLE_API_KEY: "none",
    // Programs that do not run on Node reach no other machine through this.
    HTTPS_PROXY: "http://127.0.0.1:9",
    HTTP_PROXY: "http://127.0.0.1:9",
    NO_PROXY: "127.0.0.1,localhost",
    DO_NOT_TRACK: "1",
    OTEL_SDK_DISABLED: "true",
  };
}
