// Redirects of an MCP server that are not followed. The target may be shown only if it can be computed from the URL that
// was requested: with another scheme, with or without a slash at the end.
import { detailsHave } from "../lib/details-place.js";
import { printableUrl } from "../net/printable-url.js";
import type { Finding } from "./finding.js";
import { withoutSlash } from "./url-difference.js";

export interface RefusedRedirect {
  /** The URL of the request that was redirected. */
  readonly from: URL;
  readonly target: URL;
  /** The "url" of the server in the config. */
  readonly server: URL;
}

/** Returns what a redirect says about the config, and what to do. */
export function redirectFinding(redirect: RefusedRedirect): Finding {
  return (
    checkSpelling(redirect) ??
    checkOutsidePath(redirect) ??
    checkLogin(redirect) ??
    checkHost(redirect) ?? {
      id: "redirect_elsewhere",
      cause: "It redirects to another port or scheme.",
      remedy: `Check the "url" of the server in the config. ${detailsHave("the target")}`,
    }
  );
}

/** The target is the requested URL with another scheme, or with or without a slash at the end. */
function checkSpelling({ from, target, server }: RefusedRedirect) {
  const isSame =
    target.hostname === from.hostname &&
    target.port === from.port &&
    target.search === from.search &&
    target.username === "" &&
    target.password === "" &&
    withoutSlash(target.pathname) === withoutSlash(from.pathname);
  const scheme = schemeDifference(from, target);
  const slash = slashDifference(from.pathname, target.pathname);
  if (!isSame || (scheme === undefined && slash === undefined)) return undefined;
  // The message may show what can be computed from the config, but not what the caller requested.
  const isOwnUrl = from.pathname === server.pathname && from.search === server.search;
  const shown = isOwnUrl ? printableUrl(target.href) : undefined;
  const differences = [
    ...(scheme === undefined ? [] : [`with ${scheme} in place of ${from.protocol.slice(0, -1)}`]),
    ...(slash === undefined ? [] : [`${slash} a slash at the end`]),
  ].join(" and ");
  const cause = `It redirects to ${shown === undefined ? "the same URL" : `${shown}, the same URL`} ${differences}.`;
  if (scheme === "http" && slash === undefined) {
    return {
      id: "redirect_to_http",
      cause,
      remedy:
        "The server does not know that a proxy in front of it adds TLS. Have its operator set its public URL, or pass " +
        "on X-Forwarded-Proto.",
    };
  }
  const changes = [
    ...(scheme === "https" ? ["with https"] : []),
    ...(slash === undefined ? [] : [`${slash} the slash`]),
  ].join(" and ");
  const right = isOwnUrl ? printableUrl(scheme === "http" ? withHttps(target) : target.href) : undefined;
  const what = isOwnUrl ? 'the "url" of the server in the config' : "the URL";
  return {
    id: `redirect${scheme === undefined ? "" : `_to_${scheme}`}${slash === undefined ? "" : "_slash"}`,
    cause,
    remedy: `Write ${what} ${changes}${right === undefined ? "" : `: ${right}`}.`,
  };
}

function schemeDifference(from: URL, target: URL): "http" | "https" | undefined {
  if (from.protocol === target.protocol) return undefined;
  if (target.protocol === "http:") return "http";
  return target.protocol === "https:" ? "https" : undefined;
}

function slashDifference(from: string, target: string): "with" | "without" | undefined {
  if (from === target) return undefined;
  return target.endsWith("/") ? "with" : "without";
}

function withHttps(url: URL): string {
  const changed = new URL(url);
  changed.protocol = "https:";
  return changed.href;
}

/** The target is at the server's origin, but the config limits the token to the path of its "url". */
function checkOutsidePath({ target, server }: RefusedRedirect) {
  if (target.origin !== server.origin || target.username !== "" || target.password !== "") return undefined;
  return {
    id: "redirect_outside_path",
    cause: 'It redirects to another path, and "reach" limits its token to the path of its "url".',
    remedy: 'If the token may go there, set "reach" of the server to "origin".',
  };
}

const loginPath = /(?:^|[/._-])(?:log-?in|sign-?in|sso|saml2?|authorize|authn?|cdn-cgi\/access)(?=$|[/._-])/i;
const loginParameters = [
  "SAMLRequest",
  "redirect_uri",
  "redirect_url",
  "return_to",
  "returnUrl",
  "RelayState",
];

/** The target looks like a page at which people sign in. */
function checkLogin({ target }: RefusedRedirect) {
  const isLogin =
    loginPath.test(target.pathname) || loginParameters.some((name) => target.searchParams.has(name));
  if (!isLogin) return undefined;
  return {
    id: "redirect_to_login",
    cause: "It redirects to a login page, so a gateway in front of it asks people to sign in.",
    remedy:
      'If the gateway has a credential for programs, such as a service token, name it in the "headers" of the server. ' +
      "Otherwise, have the gateway let this URL pass.",
  };
}

function checkHost({ from, target }: RefusedRedirect) {
  if (target.hostname === from.hostname) return undefined;
  const isWww = withoutWww(target.hostname) === withoutWww(from.hostname);
  return {
    id: isWww ? "redirect_www" : "redirect_to_other_host",
    cause: isWww
      ? `It redirects to the same host ${target.hostname.startsWith("www.") ? "with" : "without"} "www.".`
      : "It redirects to another host, so the server may have moved.",
    remedy:
      `${detailsHave("the target")} If the operator of the server confirms it, write the new URL as "url" of ` +
      "the server in the config.",
  };
}

function withoutWww(hostname: string): string {
  return hostname.replace(/^www\./, "");
}
