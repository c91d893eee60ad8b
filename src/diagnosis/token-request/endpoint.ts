import { printableUrl } from "../../net/printable-url.js";
import type { RejectedRequest, TokenEndpoint } from "../facts.js";
import type { Finding } from "../finding.js";

/** There is no token endpoint at the URL. */
export function checkEndpointExists({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { status } = rejection;
  if (status !== 404 && status !== 405) return undefined;
  const { issuer, configured } = endpoint;
  if (configured !== undefined) {
    return {
      id: "configured_endpoint",
      cause: `There is no token endpoint at the "${configured.property}" of the client's "metadata"${shown(configured.url)}.`,
      remedy: `Correct it, remove "metadata", so that the endpoint is discovered, or ask the operator of ${issuer} for the URL.`,
    };
  }
  return {
    id: "published_endpoint",
    cause: `The metadata of ${issuer} names a token endpoint that does not exist.`,
    remedy: `Set the client's "metadata": { "tokenEndpoint": … } to the right URL, or tell the operator of ${issuer}.`,
  };
}

/** The endpoint redirects. A redirect is not followed, because the request carries a credential. */
export function checkRedirect({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { status, location } = rejection;
  if (status < 300 || status >= 400) return undefined;
  const { issuer, configured } = endpoint;
  const cause = `A redirect is not followed, because the request carries a credential; this one ${relationOf(location, endpoint)}.`;
  return configured === undefined
    ? {
        id: "published_endpoint_redirects",
        cause,
        remedy: `Set the client's "metadata": { "tokenEndpoint": … } to the final URL (not tested), or tell the operator of ${issuer}.`,
      }
    : {
        id: "configured_endpoint_redirects",
        cause,
        remedy: `Correct the "${configured.property}" of the client's "metadata": set it to the final URL (not tested), if that is one of ${issuer}.`,
      };
}

/** Returns where a redirect leads, as a clause that quotes it only if the config has the same value. */
function relationOf(
  location: string | undefined,
  { issuer, url }: Pick<TokenEndpoint, "issuer" | "url">,
): string {
  if (location === undefined || location === "") return "names no target";
  if (url === undefined || !URL.canParse(location, url)) return "leads to something that is not a URL";
  const [from, to] = [new URL(url), new URL(location, url)];
  if (to.href === from.href) return "leads to itself";
  if (to.href === issuer || to.href === `${issuer}/`) return "leads to the issuer itself";
  if (to.hostname !== from.hostname) return "leads to another host";
  if (to.protocol !== from.protocol)
    return `leads to ${to.protocol === "https:" ? "https" : "another scheme"}`;
  if (to.port !== from.port) return "leads to another port";
  if (to.pathname === `${from.pathname}/`) return "adds a slash";
  if (`${to.pathname}/` === from.pathname) return "removes the slash at the end";
  return to.pathname === from.pathname
    ? "changes only the query"
    : "leads to another path, such as a login page";
}

/** Returns what to do about a response that another program seems to have sent: a page, or no JSON. */
export function wrongResponder({
  issuer,
  configured,
}: Pick<TokenEndpoint, "issuer" | "configured">): Finding {
  return configured === undefined
    ? {
        id: "not_a_token_response",
        remedy:
          `Something else may answer for ${issuer}, such as a proxy or a login page. Ask its operator for the token ` +
          'endpoint that programs use, and set it as the client\'s "metadata": { "tokenEndpoint": … }.',
      }
    : {
        id: "configured_endpoint",
        remedy:
          `Check the "${configured.property}" of the client's "metadata"${shown(configured.url)}: it may not be a token ` +
          `endpoint. Ask the operator of ${issuer} for the URL.`,
      };
}

function shown(url: string): string {
  const text = printableUrl(url);
  return text === undefined ? "" : ` (${text})`;
}
