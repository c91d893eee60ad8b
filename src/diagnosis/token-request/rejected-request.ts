import type { Trial } from "../../errors/trial.js";
import { type RejectedRequest, type Rejection, rejectsCredential, type TokenEndpoint } from "../facts.js";
import { type Finding, findingText, remainsOfFinding } from "../finding.js";
import { checkAssertionAudience, checkAssertionHeader, checkKeyRegistration } from "./client-key.js";
import {
  checkBasicEncoding,
  checkSecret,
  checkSecretMethod,
  checkSecretText,
  isOtherMethodWanted,
} from "./client-secret.js";
import { checkClock } from "./clock.js";
import { cluesIn } from "./clues.js";
import { checkProof } from "./dpop.js";
import { checkEndpointExists, checkRedirect } from "./endpoint.js";
import { checkEntraCode } from "./entra.js";
import { isOpenRejection } from "./open-rejection.js";
import {
  checkCertificate,
  checkCertificateUsage,
  checkPlatformAssertion,
  checkPublicClient,
} from "./other-credentials.js";
import { checkExchangedToken, checkPresented } from "./presented.js";
import {
  checkAccess,
  checkGrantOffered,
  checkParameters,
  checkRegistration,
  checkTarget,
  checkUnauthorized,
} from "./registration.js";
import { checkScopes } from "./scopes.js";

type Check = (request: RejectedRequest) => Finding | undefined;

/** More would not be read. */
const maxSentences = 3;

/** What we see in the client's credential ourselves. */
const visibleChecks: readonly Check[] = [checkSecretText, checkBasicEncoding, checkCertificateUsage];

/** Whether the server knows the client and its credential. */
const registrationChecks: readonly Check[] = [
  ...[checkSecret, checkKeyRegistration, checkCertificate, checkPlatformAssertion, checkPublicClient],
];

const assertionFormChecks: readonly Check[] = [checkAssertionAudience, checkAssertionHeader];

/** Whether the server wants the credential in another form. */
const formChecks: readonly Check[] = [checkSecretMethod, ...assertionFormChecks];

/** What can be wrong with the client's credential, the most likely first. */
const clientChecks = [...visibleChecks, ...registrationChecks, ...formChecks];

/** Returns the findings for a message: as many of `rejectionFindings` as fit into three sentences. */
export function rejectionAdvice(endpoint: TokenEndpoint, rejection: Rejection): readonly Finding[] {
  const chosen: Finding[] = [];
  let sentences = 0;
  const all = rejectionFindings(endpoint, rejection);
  const [first] = all;
  // The rest is a guess, and can be told apart only once the secret is clean.
  if (first !== undefined && isVisibleFlaw(first)) return [first];
  for (const finding of all) {
    // What else to try is in the same sentence.
    const continues = isAssertionAttempt(finding) && chosen.slice(1).some(isAssertionAttempt);
    if (!continues) sentences += sentencesIn(findingText(finding));
    if (chosen.length > 0 && sentences > maxSentences) break;
    chosen.push(finding);
  }
  return chosen;
}

/** What a program may try after a rejection, and what remains if that fails. */
export interface Prospects {
  /** The changes of all `rejectionFindings`, also of those that no message has room for. */
  readonly trials: readonly Trial[];
  /** Whether anything in the request may be wrong. Not if the client was refused: the request was not looked at. */
  readonly isOpen: boolean;
  /** What to do if all trials fail, in sentences, the likeliest first. */
  readonly remains: readonly string[];
}

export function rejectionProspects(endpoint: TokenEndpoint, rejection: Rejection): Prospects {
  const findings = rejectionFindings(endpoint, rejection);
  const ids = findings.map(({ id }) => id);
  const isOpen = !rejectsCredential(rejection.status) && isOpenRejection(rejection.oauthError, ids);
  // Only here it is known whether the request had scopes that the MCP server chose.
  const ofScopes = isOpen ? checkScopes({ endpoint, rejection }) : undefined;
  return {
    isOpen,
    trials: [...findings, ...(ofScopes === undefined ? [] : [ofScopes])].flatMap(({ trials = [] }) => trials),
    remains: findings.map(remainsOfFinding).filter((text) => text !== ""),
  };
}

/** Returns findings as the end of a message. What to try comes after what to check. */
export function adviceText(findings: readonly Finding[]): string {
  const [first, ...others] = findings;
  if (first === undefined) return "";
  const attempts = others.filter(isAssertionAttempt).map(({ attempt }) => attempt);
  return [
    findingText(first),
    ...others.filter((finding) => !isAssertionAttempt(finding)).map(otherwise),
    ...(attempts.length === 0 ? [] : [`Otherwise, try ${attempts.join(", or ")}.`]),
  ].join(" ");
}

/** Whether the secret has a flaw that leaves little doubt. A character outside of ASCII may belong there. */
function isVisibleFlaw({ id }: Finding): boolean {
  return id.startsWith("secret_") && id !== "secret_not_ascii";
}

function otherwise(finding: Finding): string {
  return finding.attempt === undefined ? findingText(finding) : `Otherwise, try ${finding.attempt}.`;
}

/** Whether a finding says to try another form of the assertion. All of them make one sentence. */
function isAssertionAttempt({ id, attempt }: Finding): boolean {
  return id.startsWith("assertion_") && attempt !== undefined;
}

function sentencesIn(text: string): number {
  return text.split(/\. (?=\S)/).length;
}

/**
 * Returns what may be wrong, the most likely first; only one finding if the cause is known. The same `error` of a server
 * means different things, depending on the credential and the grant of the request.
 */
export function rejectionFindings(endpoint: TokenEndpoint, rejection: Rejection): readonly Finding[] {
  const request = { endpoint, rejection };
  const known = checkRedirect(request) ?? checkEntraCode(request);
  if (known !== undefined) return [known];
  const possible = checksFor(request).flatMap((check) => check(request) ?? []);
  // What we see in a secret ourselves is more certain than what a server says.
  const visible = possible.filter(({ id }) => id.startsWith("secret_"));
  const clock = checkClock(request);
  // No signature can be valid before the clock is right.
  if (clock !== undefined) return [clock, ...visible];
  const clue = cluesIn(rejection.explanation).find(({ id }) => possible.some((each) => each.id === id));
  const hinted = possible.filter(({ id }) => id === clue?.id);
  const decides =
    clue?.decides === true || (clue?.id === "other_secret_method" && isOtherMethodWanted(request));
  const others = decides ? [] : possible;
  return [...new Set([...visible, ...hinted, ...others])];
}

/** Returns the checks for what the server says, the most likely cause first. */
function checksFor(request: RejectedRequest): readonly Check[] {
  const { endpoint, rejection } = request;
  const { status, oauthError } = rejection;
  switch (oauthError) {
    case "invalid_client":
      return clientChecks;
    case "unauthorized_client":
      return [checkUnauthorized];
    case "unsupported_grant_type":
      return [checkGrantOffered];
    case "invalid_scope":
      return [checkScopes];
    case "invalid_grant":
      return endpoint.presents === "client" ? [checkSecretText, checkRegistration] : [checkPresented];
    case "invalid_request":
      return [checkExchangedToken, checkParameters];
    case "invalid_target":
      return [checkTarget];
    case "access_denied":
      if (status === 401) return [...visibleChecks, ...registrationChecks, checkAccess, ...formChecks];
      return rejectsCredential(status) ? [checkAccess, ...clientChecks] : [checkAccess];
    case "invalid_dpop_proof":
    case "use_dpop_nonce":
      return [checkProof];
    // With a temporary status, the error would be `unavailable`. With any other, the status says more than the code.
    case "server_error":
    case "temporarily_unavailable":
    case undefined:
      return checksForStatus(request);
    default:
      return [checkRegistration];
  }
}

function checksForStatus({ endpoint, rejection: { status } }: RejectedRequest): readonly Check[] {
  // Without a client id, only the assertion of the grant identifies the client.
  if (rejectsCredential(status))
    return endpoint.hasClientId ? clientChecks : [checkPresented, ...clientChecks];
  if (status === 404 || status === 405) return [checkEndpointExists];
  // Some servers refuse a credential with a 400 that does not say so.
  const credentialChecks = [...visibleChecks, ...registrationChecks, ...assertionFormChecks];
  return [checkPresented, ...credentialChecks, checkParameters, checkSecretMethod];
}
