import { isEntraHost } from "../../lib/entra-hosts.js";
import type { RejectedRequest, TokenEndpoint } from "../facts.js";
import type { Finding } from "../finding.js";
import { looksLikeId } from "../secret-flaws.js";
import { entraCauses } from "./entra-causes.js";
import { renewRefreshToken } from "./presented.js";

/** Entra ID says with a number what is wrong. Other servers' numbers have no known meaning. */
export function checkEntraCode({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { errorCodes = [] } = rejection;
  if (errorCodes.length === 0 || !isEntra(endpoint)) return undefined;
  const found = entraCauses.find(({ codes }) => errorCodes.some((code) => codes.includes(code)));
  if (found === undefined) return undefined;
  const { id, cause, trials } = found;
  const code = errorCodes.find((each) => found.codes.includes(each));
  const isFromLogin = id === "entra_refresh_token" && endpoint.isFromLogin === true;
  const remedy = isFromLogin ? renewRefreshToken(endpoint) : found.remedy;
  const other = checkFollowed(id, endpoint) ?? checkNotSent(id, code, endpoint);
  if (other !== undefined) return { id, ...other };
  const secret = endpoint.sent?.authentication?.secret?.value.reveal() ?? "";
  if (id !== "entra_wrong_secret" || !looksLikeId(secret)) return { id, cause, remedy, trials };
  return {
    id: "entra_secret_id",
    cause: 'The client secret looks like a "Secret ID".',
    remedy: 'Use the "Value" of that secret; if it is no longer shown, create another secret.',
  };
}

type Text = Pick<Finding, "cause" | "remedy">;

const otherUri =
  "Its application ID URI may be wrong: compare it with that of the MCP server's application in Entra ID.";

/** The config does already what the remedy says. */
function checkFollowed(id: string, { sent }: TokenEndpoint): Text | undefined {
  const [scope, ...others] = sent?.scopes?.configured ?? [];
  const isDefault = scope?.endsWith("/.default") === true && others.length === 0;
  if (isDefault && (id === "entra_default_scope" || id === "entra_scope")) {
    return { cause: "The scope already ends in /.default.", remedy: otherUri };
  }
  if (id !== "entra_resource_and_scope" || sent?.hasResource !== false) return undefined;
  return {
    cause: 'The request had no "resource", only a scope.',
    remedy: isDefault
      ? otherUri
      : 'Set the grant\'s "scopes" to the application ID URI of the MCP server with /.default, as in ["api://ID/.default"].',
  };
}

const aboutAssertion = /^entra_(?:federation|assertion_of_other_client|assertion_time)/;

/** The number is about a credential that the request did not have. */
function checkNotSent(
  id: string,
  code: number | undefined,
  { credential, presents }: TokenEndpoint,
): Text | undefined {
  if (credential !== "secret" || presents !== "client") return undefined;
  if (id === "entra_key_not_registered") {
    return {
      cause: `The error code ${code} is about a key, but the request had a secret.`,
      remedy:
        'Check the client\'s "id", or give the client a "key" with its "certificate" instead of the secret.',
    };
  }
  if (!aboutAssertion.test(id)) return undefined;
  return {
    cause: `The error code ${code} is about an assertion, but the request had a secret.`,
    remedy: 'Check the client\'s "id", or give the client an "assertion" instead of the secret.',
  };
}

/** Only the config says who the server is: what a response says about itself could be chosen to mislead. */
function isEntra({ issuer, configured }: Pick<TokenEndpoint, "issuer" | "configured">): boolean {
  return [issuer, configured?.url].some((url) => {
    if (url === undefined || !URL.canParse(url)) return false;
    return isEntraHost(new URL(url).hostname);
  });
}
