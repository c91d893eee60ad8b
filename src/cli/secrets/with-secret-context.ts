import type { ConfigSpec } from "../../config/spec.js";
import type { KeyContext } from "../../keys/signing-key.js";
import { createPermissions, forbidCommands } from "../../lib/permissions.js";
import { platformFetch } from "../../net/own-requests.js";
import type { CommandIo } from "../io.js";

/** Where the secrets of a config come from. */
interface Origin extends Pick<CommandIo, "env" | "signal"> {
  /** The folder of the config. */
  readonly folder: string;
}

/**
 * Calls a function with what reads the secrets and keys of a config, as a token request reads them. Ends its
 * connections afterwards.
 */
export async function withSecretContext<T>(
  { network: spec, commands }: Pick<ConfigSpec, "network" | "commands">,
  { env, signal, folder }: Origin,
  work: (context: Omit<KeyContext, "server">) => Promise<T>,
): Promise<T> {
  const permissions = createPermissions({ environments: [env] });
  const { createNetwork } = await import("../../net/network.js");
  const network = createNetwork({ fetch: platformFetch(), spec, env });
  try {
    return await work({
      ...{ env, envFilesIn: folder, signal },
      ...{ fetch: network.fetch, fetchDirect: network.fetchDirect },
      permissions: commands === undefined ? permissions : forbidCommands(permissions, commands.forbidden),
    });
  } finally {
    await network.close();
  }
}
