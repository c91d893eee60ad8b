import { buildProxy } from "./build-proxy.js";
import { absolute } from "./build-reference.js";
import { buildStore } from "./build-store.js";
import type { CheckedDocument } from "./check-document.js";
import { hostnameOf } from "./check-network.js";
import { ConfiguredServers } from "./configured-servers.js";
import type { ConfigFile } from "./find-config.js";
import type { Config } from "./generated/types.js";
import { ServerMistakes } from "./server-mistakes.js";
import { locate, type SourceDocument } from "./source-document.js";
import type { ConfigSpec, NetworkSpec } from "./spec.js";

interface Source {
  readonly document: SourceDocument;
  /** The result of the checks. It has no mistakes that concern all servers. */
  readonly checked: CheckedDocument;
  /** Relative paths are relative to this folder. */
  readonly folder: string;
  /** Absent for a config given as an object. */
  readonly configFile: ConfigFile | undefined;
  /** What was found when the file that the config imports was read. */
  readonly imports?: Partial<Pick<ConfigFile, "commands" | "warnings">> | undefined;
}

/**
 * Builds the runtime's form of a valid config, except its servers, each of which is built when it is asked for. A
 * server that a mistake affects gets a `failure` instead of a `spec`.
 */
export function buildConfig({ document, checked, folder, configFile, imports }: Source): ConfigSpec {
  // The value is valid against the schema that the type is generated from.
  const config = checked.value as unknown as Config;
  // With a variable that has no value in its type, no server can be used, so nothing is stored.
  const hasStoreType = !checked.serverMistakes.some(({ path }) => path.join("/") === "store/type");
  const located = locate(document, checked.serverMistakes);
  const commands = configFile?.commands ?? imports?.commands;
  const mistakes = new ServerMistakes(checked.value, located);
  return {
    ...(document.file !== undefined && { file: document.file }),
    ...(configFile !== undefined && { named: configFile.named, warnings: configFile.warnings }),
    ...(imports?.warnings !== undefined && {
      warnings: [...(configFile?.warnings ?? []), ...imports.warnings],
    }),
    ...(commands !== undefined && { commands }),
    servers: new ConfiguredServers({ config, mistakes, folder }),
    network: buildNetwork(config.network, folder),
    store: buildStore(hasStoreType ? config.store : undefined, folder),
    proxy: buildProxy(config.proxy, located, folder),
  };
}

/** Returns the URLs of the servers by name. A server that cannot be used is included only if its URL is known. */
export function urlsOf({ servers }: Pick<ConfigSpec, "servers">): ReadonlyMap<string, string> {
  const urls = servers.names.map((name) => [name, servers.url(name)] as const);
  return new Map(urls.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function buildNetwork(network: Config["network"], folder: string): NetworkSpec {
  const { proxy, ca = [], allowInsecureHttp = [] } = network ?? {};
  return {
    ...(proxy !== undefined && { proxy }),
    ca: [ca].flat().map((path) => absolute(path, folder)),
    allowInsecureHttp: allowInsecureHttp.flatMap((host) => hostnameOf(host) ?? []),
  };
}
