import { resolve } from "node:path";
import { invalidConfig } from "../../config/format-violation.js";
import { isList, isObject, type Json, property } from "../../config/json.js";
import { checkConfig } from "../../config/load.js";
import type { DiscoverOptions } from "../../index.js";
import { McpAuthError } from "../../index.js";
import { printable } from "../../lib/printable.js";
import type { CommandIo } from "../io.js";
import { startingFolder } from "../options.js";
import { escaped } from "./escaped.js";

/**
 * Returns the `network` section of the config for requests of a command that also works without a config. A config that
 * the search finds and that cannot be used is reported and not used; one that is named must be right.
 */
export async function findNetwork(
  io: Pick<CommandIo, "cwd" | "print">,
  env: CommandIo["env"],
  config: string | undefined,
): Promise<DiscoverOptions["network"]> {
  const isNamed = config !== undefined || (env["MCP_AUTH_CONFIG"] ?? "") !== "";
  try {
    const cwd = startingFolder(io.cwd, config, env);
    const {
      file = "",
      document,
      spec,
      violations,
      isForeign,
    } = await checkConfig({ cwd, env, cliPath: config });
    const wanted = property(document?.value, "network");
    // The rest of the config does not matter.
    const isUsable = spec !== undefined || !violations.some(({ pointer }) => isAbout(pointer, "network"));
    if (document !== undefined && isUsable && !isForeign) return networkOf(wanted, document.folder);
    if (isNamed) throw invalidConfig(`The config ${printable(file)}`, violations);
    if (document !== undefined && wanted === undefined) return undefined;
    io.print.note(
      `warning: ${printable(file)} is not used for this request. Check it with npx mcp-auth-runtime validate.`,
    );
    return undefined;
  } catch (error) {
    if (isNamed || !(error instanceof McpAuthError) || error.code !== "config_not_found") throw error;
    return undefined;
  }
}

function isAbout(pointer: string, section: string): boolean {
  return pointer === "" || pointer === `/${section}` || pointer.startsWith(`/${section}/`);
}

/**
 * Returns a `network` section, with the values of its variables, for `discover()`: that reads relative paths from the
 * working directory, and variables too.
 */
export function networkOf(network: Json | undefined, folder: string): DiscoverOptions["network"] {
  if (!isObject(network)) return undefined;
  const { ca } = network;
  const absolute = (path: Json): Json => (typeof path === "string" ? resolve(folder, path) : path);
  const files = ca === undefined ? {} : { ca: isList(ca) ? ca.map(absolute) : absolute(ca) };
  // The config was compared with the schema that the type is generated from.
  return escaped({ ...network, ...files }) as DiscoverOptions["network"];
}
