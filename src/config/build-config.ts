import { McpAuthError } from "../errors/error.js";
import { absolute } from "./build-reference.js";
import { buildServer } from "./build-server.js";
import { buildStore } from "./build-store.js";
import type { CheckedDocument, ServerMistake } from "./check-document.js";
import { hostnameOf } from "./check-network.js";
import type { ConfigFile } from "./find-config.js";
import { formatViolation } from "./format-violation.js";
import type { Config } from "./generated/types.js";
import { serverUses } from "./server-uses.js";
import { type SourceDocument, toViolations } from "./source-document.js";
import type { ConfigSpec, NetworkSpec, ServerEntry } from "./spec.js";

interface Source {
  readonly document: SourceDocument;
  /** The result of the checks. It has no mistakes that concern all servers. */
  readonly checked: CheckedDocument;
  /** Relative paths are relative to this folder. */
  readonly folder: string;
  /** Absent for a config given as an object. */
  readonly configFile: ConfigFile | undefined;
}

/**
 * Builds the runtime's form of a valid config. A server that a mistake affects gets a `failure` instead of a `spec`.
 */
export function buildConfig({ document, checked, folder, configFile }: Source): ConfigSpec {
  // The value is valid against the schema that the type is generated from.
  const config = checked.value as unknown as Config;
  const servers = new Map<string, ServerEntry>();
  const { byServer, shared } = groupByServer(checked.serverMistakes);
  for (const [name, server] of Object.entries(config.servers)) {
    const mistakes = [
      ...(byServer.get(name) ?? []),
      ...shared.filter(({ path }) => serverUses(checked.value, name, path)),
    ];
    servers.set(
      name,
      mistakes.length === 0
        ? { name, spec: buildServer(name, server, config, folder) }
        : { name, failure: unusableServer(name, document, mistakes), ...knownUrl(server.url) },
    );
  }
  return {
    ...(document.file !== undefined && { file: document.file }),
    ...(configFile !== undefined && { named: configFile.named, warnings: configFile.warnings }),
    ...(configFile?.commands !== undefined && { commands: configFile.commands }),
    servers,
    network: buildNetwork(config.network, folder),
    store: buildStore(config.store, folder),
  };
}

/** Returns the URLs of the servers by name. A server that cannot be used is included only if its URL is known. */
export function urlsOf({ servers }: Pick<ConfigSpec, "servers">): ReadonlyMap<string, string> {
  const urls = [...servers.values()].map((entry) => {
    return [entry.name, "spec" in entry ? entry.spec.url : entry.url] as const;
  });
  return new Map(urls.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Returns the URL, unless it contains a variable that has no value. */
function knownUrl(url: string): { readonly url?: string } {
  return URL.canParse(url) && !url.includes("${") ? { url } : {};
}

/**
 * Separates mistakes in one server from mistakes in shared parts. Only the shared ones must be compared with every
 * server.
 */
function groupByServer(mistakes: readonly ServerMistake[]) {
  const byServer = new Map<string, ServerMistake[]>();
  const shared: ServerMistake[] = [];
  for (const mistake of mistakes) {
    const [section, name] = mistake.path;
    if (section !== "servers" || name === undefined) shared.push(mistake);
    else byServer.set(name, [...(byServer.get(name) ?? []), mistake]);
  }
  return { byServer, shared };
}

function unusableServer(
  server: string,
  document: SourceDocument,
  mistakes: readonly ServerMistake[],
): McpAuthError {
  const violations = toViolations(document, mistakes);
  const isInsecure = mistakes.every(({ code }) => code === "insecure_url");
  const reasons = violations.map(formatViolation).join(" ");
  const message = `Server "${server}" cannot be used: ${reasons}`;
  return new McpAuthError(isInsecure ? "insecure_url" : "config_invalid", message, { server, violations });
}

function buildNetwork(network: Config["network"], folder: string): NetworkSpec {
  const { proxy, ca = [], allowInsecureHttp = [] } = network ?? {};
  return {
    ...(proxy !== undefined && { proxy }),
    ca: [ca].flat().map((path) => absolute(path, folder)),
    allowInsecureHttp: allowInsecureHttp.flatMap((host) => hostnameOf(host) ?? []),
  };
}
