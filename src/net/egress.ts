import { McpAuthError } from "../errors/error.js";
import { isLoopbackHost } from "../lib/loopback.js";
import { printableUrl } from "./printable-url.js";

/** What a URL learned from the network is judged by. */
export interface EgressRules {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** The URLs that the config names: the server's own and the issuer. */
  readonly configured: readonly string[];
  /** Hosts that may be reached over plain http, as `URL.hostname` gives them. */
  readonly insecureHosts?: readonly string[];
}

/**
 * Accepts a URL that a person wrote: https, or http to this machine or to one of `insecureHosts`. Anything else is
 * `insecure_url`; what is no absolute URL or carries userinfo is `config_invalid`.
 *
 * @param what what the URL is, for the message: "the issuer"
 */
export function assertConfiguredUrl(
  url: string,
  what: string,
  server?: string,
  insecureHosts: readonly string[] = [],
): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const refuse = (code: "config_invalid" | "insecure_url", why: string): McpAuthError =>
    new McpAuthError(code, `${server === undefined ? "" : `Server "${server}": `}${what} ${why}`, { server });
  if (parsed === undefined) throw refuse("config_invalid", "is not an absolute URL.");
  if (parsed.username !== "" || parsed.password !== "") {
    throw refuse("config_invalid", "carries a user name or password; credentials belong into the client.");
  }
  if (parsed.protocol === "https:") return parsed;
  if (parsed.protocol === "http:") {
    if (isLoopbackHost(parsed.hostname) || insecureHosts.includes(parsed.hostname)) return parsed;
  }
  throw refuse(
    "insecure_url",
    "must be https; http is only for this machine (localhost, 127.0.0.1, [::1]) and for the hosts in " +
      '"allowInsecureHttp" under "network".',
  );
}

/**
 * Accepts a URL that came over the network: https, or http to this machine when everything that the config names
 * is on this machine, or http to one of `insecureHosts`. IP addresses and localhost names pass only if the config
 * names that very host, there or in a URL, so that metadata cannot point us into a private network. A name that
 * resolves to a private address is allowed. Anything else is `insecure_url`, with the URL in its `details`.
 */
export function assertLearnedUrl(url: string, what: string, rules: EgressRules): URL {
  const shown = rules.configured.includes(url) ? printableUrl(url) : undefined;
  const refuse = (why: string): McpAuthError =>
    new McpAuthError(
      "insecure_url",
      `Server "${rules.server}": ${what}${shown === undefined ? "" : ` (${shown})`} is refused: ${why}`,
      { server: rules.server, details: { url } },
    );
  if (!URL.canParse(url)) throw refuse("it is not an absolute URL.");
  const parsed = new URL(url);
  const configured = rules.configured.filter((known) => URL.canParse(known)).map((known) => new URL(known));

  if (parsed.username !== "" || parsed.password !== "") throw refuse("it carries a user name or password.");
  const exempt = rules.insecureHosts?.includes(parsed.hostname) ?? false;
  if (parsed.protocol !== "https:" && !(exempt && parsed.protocol === "http:")) {
    const allLocal = configured.length > 0 && configured.every((known) => isLoopbackHost(known.hostname));
    const local = parsed.protocol === "http:" && isLoopbackHost(parsed.hostname);
    if (!local) throw refuse("it is not https.");
    if (!allLocal)
      throw refuse("http is only for this machine, and only if server and issuer are on it too.");
  }
  const named = exempt || configured.some((known) => known.hostname === parsed.hostname);
  if (!named && isIpLiteral(parsed.hostname))
    throw refuse("it has an IP address that the config does not name.");
  if (!named && isLocalName(parsed.hostname)) {
    throw refuse("it has a localhost name that the config does not name.");
  }
  return parsed;
}

/** `URL` has turned every other spelling of an IPv4 address (hexadecimal, octal, one number) into four parts. */
function isIpLiteral(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}\.*$/.test(hostname);
}

/** A trailing dot marks a name as complete and resolves to the same place. */
function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/\.+$/, "");
  return isLoopbackHost(name) || namesInHostsFiles.test(name);
}

/** What the hosts file of a Debian or a Red Hat calls the machine itself. */
const namesInHostsFiles = /^(?:ip6-(?:localhost|loopback)|localhost[46]?(?:\.localdomain[46]?)?)$/;
