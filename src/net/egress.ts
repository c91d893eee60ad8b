import { McpAuthError } from "../errors/error.js";
import { noteFindings } from "../errors/findings.js";
import { isLoopbackHost } from "../lib/loopback.js";
import { capitalized } from "../lib/printable.js";
import { printableUrl } from "./printable-url.js";

/** Decides which URLs that servers name may be requested. */
export interface EgressRules {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** The URLs in the config: that of the server, and the issuer. */
  readonly configured: readonly string[];
  /** Hosts that may be reached over plain http, as `URL.hostname` returns them. */
  readonly insecureHosts?: readonly string[];
  /** What the config can say in place of the server, as an infinitive: 'give the client "metadata"'. */
  readonly instead?: string;
}

/**
 * Parses a URL of the config. It must be https, or http to this machine or to one of `insecureHosts`. Throws
 * `insecure_url` for any other URL, and `config_invalid` for text that is not an absolute URL or has a user name or
 * password.
 *
 * @param name the URL as the message names it, such as "the issuer"
 */
export function assertConfiguredUrl(
  url: string,
  name: string,
  server?: string,
  insecureHosts: readonly string[] = [],
): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const refuse = (code: "config_invalid" | "insecure_url", why: string): McpAuthError =>
    new McpAuthError(code, `${server === undefined ? "" : `Server "${server}": `}${name} ${why}`, { server });
  if (parsed === undefined) throw refuse("config_invalid", "is not an absolute URL.");
  if (parsed.username !== "" || parsed.password !== "") {
    throw refuse(
      "config_invalid",
      "has a user name or password. Remove it; credentials belong in the client.",
    );
  }
  if (parsed.protocol === "https:") return parsed;
  if (parsed.protocol === "http:") {
    if (isLoopbackHost(parsed.hostname) || insecureHosts.includes(parsed.hostname)) return parsed;
  }
  throw refuse(
    "insecure_url",
    "must be https. Plain http is only allowed to this machine (localhost, 127.0.0.1, [::1]) and to the hosts in " +
      '"allowInsecureHttp" under "network".',
  );
}

/**
 * Parses a URL that a server named. It must be https, or http to this machine if all URLs in the config are on this
 * machine, or http to one of `insecureHosts`. An IP address or localhost name is only allowed if the config names the
 * same host, so that metadata cannot direct us into a private network. A name that resolves to a private address is
 * allowed. Throws `insecure_url`, with the URL in its `details`.
 */
export function assertLearnedUrl(url: string, name: string, rules: EgressRules): URL {
  const shown = rules.configured.includes(url) ? printableUrl(url) : undefined;
  const refuse = (rule: RefusedUrl): McpAuthError => {
    const { why, byOperator, mesh } = refusals[rule];
    const remedy = [byOperator, rules.instead].filter((each) => each !== undefined).join(", or ");
    const error = new McpAuthError(
      "insecure_url",
      `Server "${rules.server}": ${name}${shown === undefined ? "" : ` (${shown})`} is refused: ${why}` +
        (remedy === "" ? "" : ` ${capitalized(remedy)}.`) +
        (mesh === undefined ? "" : ` ${mesh}`),
      { server: rules.server, details: { url } },
    );
    return noteFindings(error, [`url_${rule}`]);
  };
  if (!URL.canParse(url)) throw refuse("not_absolute");
  const parsed = new URL(url);
  const configured = rules.configured.filter((known) => URL.canParse(known)).map((known) => new URL(known));

  if (parsed.username !== "" || parsed.password !== "") throw refuse("has_userinfo");
  const mayUseHttp = rules.insecureHosts?.includes(parsed.hostname) ?? false;
  if (parsed.protocol !== "https:" && !(mayUseHttp && parsed.protocol === "http:")) {
    const isConfigLocal =
      configured.length > 0 && configured.every((known) => isLoopbackHost(known.hostname));
    if (parsed.protocol !== "http:") throw refuse("not_https");
    if (!isLoopbackHost(parsed.hostname)) throw refuse("http");
    if (!isConfigLocal) throw refuse("http_on_loopback");
  }
  const isConfiguredHost = mayUseHttp || configured.some((known) => known.hostname === parsed.hostname);
  if (!isConfiguredHost && isIpLiteral(parsed.hostname)) throw refuse("ip_address");
  if (!isConfiguredHost && isLocalName(parsed.hostname)) throw refuse("local_name");
  return parsed;
}

type RefusedUrl =
  | "not_absolute"
  | "has_userinfo"
  | "not_https"
  | "http"
  | "http_on_loopback"
  | "ip_address"
  | "local_name";

interface Refusal {
  readonly why: string;
  readonly byOperator?: string;
  readonly mesh?: string;
}

const byOperator = "have its operator set its public URL";

/** Which rule refuses a URL that a server named, and what to do besides what `EgressRules.instead` says. */
const refusals: Readonly<Record<RefusedUrl, Refusal>> = {
  not_absolute: { why: "it is not an absolute URL." },
  has_userinfo: { why: "it has a user name or password." },
  not_https: { why: "it is not https." },
  http: {
    why: "it is not https.",
    byOperator,
    mesh: 'If a mesh protects the connection, list its host in "allowInsecureHttp" under "network".',
  },
  http_on_loopback: {
    why: "plain http is only allowed to this machine, and only if server and issuer are on it too.",
    byOperator,
  },
  ip_address: { why: "it has an IP address that the config does not name.", byOperator },
  local_name: { why: "it has a localhost name that the config does not name.", byOperator },
};

/**
 * Returns whether a hostname is an IP address. `URL` has already converted other forms of an IPv4 address (hexadecimal,
 * octal, one number) to four parts.
 */
function isIpLiteral(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}\.*$/.test(hostname);
}

/** Returns whether a name means this machine. With a trailing dot, a name resolves to the same address. */
function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/\.+$/, "");
  return isLoopbackHost(name) || namesInHostsFiles.test(name);
}

/** The names of the machine itself in the hosts files of Debian and Red Hat. */
const namesInHostsFiles = /^(?:ip6-(?:localhost|loopback)|localhost[46]?(?:\.localdomain[46]?)?)$/;
