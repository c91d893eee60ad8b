import type { Report } from "./check-context.js";
import { entries, isObject, type Json, type JsonObject, type Path, property } from "./json.js";

/** The servers in a host's file. */
export interface HostServers {
  names(): readonly string[];
  /** Returns the entry of a server with its path, or `undefined` if the file does not have the server. */
  find(name: string): { readonly path: Path; readonly entry: Json } | undefined;
}

/** Hosts use one of these names; the first wins if a file has both. */
const sections = ["mcpServers", "servers"];

/** Returns the servers of a host's file, or `undefined` if it is none. */
export function hostServers(file: Json): HostServers | undefined {
  const found = sections.filter((section) => isObject(property(file, section)));
  if (found.length === 0) return undefined;
  return {
    names() {
      const all = found.flatMap((section) => entries(property(file, section)).map(([name]) => name));
      return [...new Set(all)];
    },
    find(name) {
      for (const section of found) {
        const entry = property(property(file, section), name);
        if (entry !== undefined) return { path: [section, name], entry };
      }
      return undefined;
    },
  };
}

/** The URL of a server in a host's file, or why there is none to use. */
export type HostUrl = {
  /** The property with the URL or the mistake. Absent: the mistake is in the whole entry. */
  readonly property?: string;
} & ({ readonly url: Json } | { readonly mistake: Report });

/** Gemini CLI has `httpUrl`, which it prefers to `url`; Windsurf has `serverUrl`; other hosts have `url`. */
const urlProperties = ["httpUrl", "serverUrl", "url"];
/** As in the file, without case and separators. Tokens are sent in the same way over both kinds of transport. */
const httpTypes: ReadonlySet<string> = new Set(["http", "streamablehttp", "sse"]);
const commandTypes: ReadonlySet<string> = new Set(["stdio", "local"]);

/** The properties of an entry that `urlOf` reads. */
export const readProperties: ReadonlySet<string | undefined> = new Set([...urlProperties, "type", "command"]);

/** Returns the URL of an entry, with variables as `interpolate` reads them. */
export function urlOf(entry: Json): HostUrl {
  if (!isObject(entry)) return { mistake: notServer };
  const name = urlProperties.find((each) => isPresent(entry, each));
  const type = isPresent(entry, "type") ? normalized(entry["type"]) : undefined;
  if (type !== undefined && commandTypes.has(type)) return { property: "type", mistake: localCommand };
  if (name === undefined) {
    return isPresent(entry, "command")
      ? { property: "command", mistake: localCommand }
      : { mistake: withoutUrl };
  }
  if (type !== undefined && !httpTypes.has(type)) return { property: "type", mistake: otherType };
  const url = entry[name] ?? null;
  if (typeof url !== "string") return { property: name, url };
  const hostVariable = hostVariables.exec(url)?.[0];
  if (hostVariable !== undefined) return { property: name, mistake: onlyInHost(hostVariable) };
  return { property: name, url: name === "httpUrl" ? withBraces(url) : url };
}

function isPresent(entry: JsonObject, name: string): boolean {
  return (property(entry, name) ?? null) !== null;
}

function normalized(type: Json | undefined): string {
  return typeof type === "string" ? type.toLowerCase().replaceAll(/[-_]/g, "") : "";
}

/**
 * Variables that have a value only in a host: `${input:token}`, which VS Code asks for, `${file:/path}` of Windsurf,
 * and paths that editors know.
 */
const hostVariables =
  /\$\{(?:(?!env:)[a-z]\w*:(?!-)|(?:workspaceFolder|workspaceFolderBasename|userHome|pathSeparator|cwd|\/)\})/;

/** Gemini CLI also replaces `$NAME`. */
function withBraces(url: string): string {
  return url.replaceAll(/\$([A-Za-z_]\w*)/g, "$${$1}");
}

function onlyInHost(start: string): Report {
  const written = start.endsWith("}") ? start : `${start}…}`;
  return {
    message: `${written} has a value only in the host`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what to write in the file
    hint: "Write ${env:NAME} with a variable of the environment, or write the `url` of this server in the config",
  };
}

const notServer = { message: "Must be an object with the URL of an MCP server" };

const withoutUrl = {
  message: "This server has no URL",
  hint: "Write it here, or as the `url` of this server in the config",
};

const localCommand = {
  message: "This server is a local command, which needs no authorization",
  hint: "Remove the server from the config, or write its `url` there",
};

const otherType = {
  message: "This type of server is not supported",
  hint: 'A server with a URL has the type "http", "streamable-http" or "sse", or none',
};
