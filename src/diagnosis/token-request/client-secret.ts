import { capitalized } from "../../lib/printable.js";
import type { RejectedRequest } from "../facts.js";
import { type Finding, findingToTry } from "../finding.js";
import { canBeCleaned } from "../secret-flaws.js";
import { checkSecretValue } from "../secret-text.js";
import { trialInWords } from "../trial-in-words.js";
import { atIdp, clientTrial, ownerOf } from "./names.js";

/** Something was copied into the secret that does not belong to it. Never shows the secret. */
export function checkSecretText({ endpoint }: RejectedRequest): Finding | undefined {
  const { secret } = endpoint.sent?.authentication ?? {};
  if (secret === undefined) return undefined;
  const text = secret.value.reveal();
  const finding = checkSecretValue(text, "client secret", secret.source);
  // There, the cause continues a sentence.
  if (finding?.cause !== undefined) return { ...finding, cause: capitalized(finding.cause) };
  if (finding === undefined || !canBeCleaned(text)) return finding;
  return { ...finding, trials: [{ place: "secret", ...atIdp(endpoint) }], remains: "" };
}

/**
 * The server may not decode what form encoding changes (RFC 6749 §2.3.1), or may decode what was sent raw. Returns
 * `undefined` if the id and the secret have no character that makes a difference.
 */
export function checkBasicEncoding(request: RejectedRequest): Finding | undefined {
  const { endpoint } = request;
  const { secret } = endpoint.sent?.authentication ?? {};
  // The character that form encoding changes may be what is wrong with the secret.
  if (secret?.basicEncoding === undefined || checkSecretText(request) !== undefined) return undefined;
  const isForm = secret.basicEncoding === "form";
  const trial = clientTrial(endpoint, "basicEncoding", isForm ? "raw" : undefined);
  const attempt = isForm
    ? `${trialInWords(trial)}, because its "id" or secret has characters that form encoding changes, and some servers ` +
      "do not decode them"
    : `${trialInWords(trial)}: "raw", because its "id" or secret has characters that servers decode if they follow ` +
      "RFC 6749";
  return findingToTry("basic_encoding", attempt, [trial]);
}

/** The client may be registered for the other method that sends a secret. */
export function checkSecretMethod({ endpoint }: RejectedRequest): Finding | undefined {
  const { method, listedMethods } = endpoint.sent?.authentication ?? {};
  const other = otherSecretMethod(method);
  if (other === undefined) return undefined;
  if (listedMethods !== undefined && !listedMethods.includes(other)) return undefined;
  const trial = clientTrial(endpoint, "method", other);
  const attempt = `${trialInWords(trial)}, which it may be registered for: the secret was sent with ${method}`;
  return findingToTry("other_secret_method", attempt, [trial]);
}

/**
 * Returns whether the server says that it wants the other method: it names that one, and not as one of several that the
 * client could use.
 */
export function isOtherMethodWanted({ endpoint, rejection: { explanation = "" } }: RejectedRequest): boolean {
  const other = otherSecretMethod(endpoint.sent?.authentication?.method);
  if (other === undefined) return false;
  const isList = /client_secret_\w+\W+(?:(?:or|and)\W+)?client_secret_/i.test(explanation);
  return explanation.includes(other) && !isList;
}

/** Returns the other of the two methods that send a secret; `undefined` for any other method. */
function otherSecretMethod(method: string | undefined): string | undefined {
  if (method === "client_secret_basic") return "client_secret_post";
  return method === "client_secret_post" ? "client_secret_basic" : undefined;
}

export function checkSecret({ endpoint }: RejectedRequest): Finding | undefined {
  if (endpoint.credential !== "secret") return undefined;
  return {
    id: "client_secret",
    remedy: `Check ${ownerOf(endpoint)} "id" and secret, and that it is registered at ${endpoint.issuer}.`,
  };
}
