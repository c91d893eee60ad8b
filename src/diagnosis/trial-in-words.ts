import type { PropertyTrial } from "../errors/trial.js";
import { unreachable } from "../lib/unreachable.js";

/** Returns a change as it follows "try": `the client's "method": "client_secret_post"`. */
export function trialInWords(trial: PropertyTrial): string {
  const { property, value } = trial;
  return value === undefined
    ? `it without ${trialOwner(trial)} "${property}"`
    : `${trialOwner(trial)} "${property}": ${JSON.stringify(value)}`;
}

/** Returns what has the property, as an owner: `the client's`. */
export function trialOwner({ place, isAtIdp = false }: Pick<PropertyTrial, "place" | "isAtIdp">): string {
  switch (place) {
    case "client":
      return isAtIdp ? 'the "idp" client\'s' : "the client's";
    case "key":
    case "assertion_key":
      return "the key's";
    case "assertion":
      return "the assertion's";
    case "grant":
      return "the grant's";
    case "server":
      return "the server's";
    default:
      return unreachable(place);
  }
}
