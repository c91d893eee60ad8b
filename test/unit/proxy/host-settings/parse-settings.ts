import { createRequire } from "node:module";
import { parse as parseYaml } from "yaml";
import type { HostName } from "../../../../src/proxy/host-settings/host-settings.js";

// A dependency of knip, which checks this project for unused files.
const toml: { parse(text: string): unknown } = createRequire(import.meta.url)("smol-toml");

/** Parses settings in the host's file format, with nothing that the format does not have. */
export function parseSettings(host: HostName, text: string): unknown {
  if (host === "codex") return toml.parse(text);
  if (host === "goose") return parseYaml(text, { strict: true, uniqueKeys: true });
  return JSON.parse(text);
}
