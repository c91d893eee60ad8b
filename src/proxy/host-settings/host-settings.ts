import { McpAuthError } from "../../errors/error.js";
import { quoted } from "../../lib/printable.js";
import type { Host, UrlEndpoint } from "./host.js";
import { claudeCode } from "./hosts/claude-code.js";
import { codex } from "./hosts/codex.js";
import { cursor } from "./hosts/cursor.js";
import { gemini } from "./hosts/gemini.js";
import { goose } from "./hosts/goose.js";
import { mcporter } from "./hosts/mcporter.js";
import { openclaw } from "./hosts/openclaw.js";
import { opencode } from "./hosts/opencode.js";
import { vscode } from "./hosts/vscode.js";
import { zed } from "./hosts/zed.js";
import { namesInHost } from "./names.js";

const hosts = {
  vscode,
  cursor,
  "claude-code": claudeCode,
  opencode,
  openclaw,
  mcporter,
  goose,
  gemini,
  codex,
  zed,
} as const satisfies Readonly<Record<string, Host>>;

/** A host whose settings can be printed. */
export type HostName = keyof typeof hosts;

/** All hosts whose settings can be printed. */
// The object has no other properties.
export const hostNames: readonly HostName[] = Object.keys(hosts) as HostName[];

/** How a host reaches the proxy. */
export interface ProxyAccess {
  /** Absolute path of the unix socket, if the proxy listens on one. No token is needed there. */
  readonly socket?: string;
  /** `http://127.0.0.1:8484`, if the proxy listens on TCP. */
  readonly origin?: string;
  /**
   * The local token; present with `origin`. It consists of letters, digits, `-`, `.`, `_` and `~`: hosts replace
   * variables in their settings, and encode URLs.
   */
  readonly token?: string;
}

/** What a person adds to the settings of a host. */
export interface HostSettings {
  /** The settings alone, in the host's file format; ready to paste. */
  readonly text: string;
  /** Where they go, and warnings; one line each. */
  readonly notes: readonly string[];
}

/**
 * Returns the settings with which a host reaches servers through the proxy. They use the socket if the host can, else
 * the header for the token if the host reliably sends it, else the path for the token.
 *
 * Throws `config_invalid` if the proxy does not listen where the host can reach it, or if the token is missing or has
 * a character that a host could change.
 *
 * @param servers names of the servers in the config
 */
export function hostSettings(
  hostName: HostName,
  servers: readonly string[],
  access: ProxyAccess,
): HostSettings {
  const host: Host = hosts[hostName];
  const names = namesInHost(servers, host.names);
  const notes = [...host.placement, ...renamed(host, names)];
  const { socket } = access;
  if (socket !== undefined && host.printSocket !== undefined) {
    const endpoints = [...names].map(([server, name]) => ({ name, socket, path: `/${server}` }));
    return { text: host.printSocket(endpoints), notes: [...notes, ...(host.socketNotes ?? [])] };
  }
  return {
    text: host.print(urlEndpoints(host, names, access)),
    notes: [...notes, secrecy, ...host.tokenNotes],
  };
}

const secrecy =
  "The settings contain the proxy's local token. Anyone who reads it can use your servers from this machine, so do not commit or share it.";

function renamed({ names: rule }: Host, names: ReadonlyMap<string, string>): string[] {
  const pairs = [...names]
    .filter(([server, name]) => server !== name)
    .map(([server, name]) => `${quoted(server)} is ${quoted(name)}`);
  return rule === undefined || pairs.length === 0 ? [] : [`${rule.reason}: ${pairs.join(", ")}.`];
}

function urlEndpoints(
  { title, sendsHeaders, printSocket }: Host,
  names: ReadonlyMap<string, string>,
  { origin, token }: ProxyAccess,
): UrlEndpoint[] {
  if (origin === undefined) {
    const problem =
      printSocket === undefined
        ? `${title} cannot use a unix socket, and the proxy does not listen on TCP`
        : "The proxy listens neither on a unix socket nor on TCP";
    throw new McpAuthError("config_invalid", `${problem}. Start the proxy with a port.`);
  }
  if (token === undefined || !/^[\w.~-]+$/.test(token)) {
    throw new McpAuthError(
      "config_invalid",
      "The proxy's local token must consist of letters, digits, and the characters - . _ ~, because hosts change others. Set another token.",
    );
  }
  return [...names].map(([server, name]) =>
    sendsHeaders
      ? { name, url: `${origin}/${server}`, headers: { "MCP-Auth-Proxy-Token": token } }
      : { name, url: `${origin}/${token}/${server}` },
  );
}
