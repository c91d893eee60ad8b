import { isEntraHost } from "../../lib/entra-hosts.js";
import type { RejectedRequest, TokenEndpoint } from "../facts.js";
import type { Finding } from "../finding.js";
import { looksLikeId } from "../secret-flaws.js";
import { entraCauses } from "./entra-causes.js";

/** Entra ID says with a number what is wrong. Other servers' numbers have no known meaning. */
export function checkEntraCode({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { errorCodes = [] } = rejection;
  if (errorCodes.length === 0 || !isEntra(endpoint)) return undefined;
  const found = entraCauses.find(({ codes }) => errorCodes.some((code) => codes.includes(code)));
  if (found === undefined) return undefined;
  const { id, cause, remedy } = found;
  const secret = endpoint.sent?.authentication?.secret?.value.reveal() ?? "";
  if (id !== "entra_wrong_secret" || !looksLikeId(secret)) return { id, cause, remedy };
  return {
    id: "entra_secret_id",
    cause: 'The client secret looks like a "Secret ID".',
    remedy: 'Use the "Value" of that secret; if it is no longer shown, create another secret.',
  };
}

/** Only the config says who the server is: what a response says about itself could be chosen to mislead. */
function isEntra({ issuer, configured }: Pick<TokenEndpoint, "issuer" | "configured">): boolean {
  return [issuer, configured?.url].some((url) => {
    if (url === undefined || !URL.canParse(url)) return false;
    return isEntraHost(new URL(url).hostname);
  });
}
