import type { AwsReference } from "../../config/spec.js";
import { callFunction } from "../../lib/call-function.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { referenceNotAllowed, secretAborted, secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { proxiedMetadata } from "./aws-metadata-proxy.js";
import { loadSts, type StsClient } from "./aws-sdk.js";

/** Milliseconds that the SDK may take, including its search for credentials. */
const timeout = 10_000;

/**
 * Requests a JWT for the identity of this machine from AWS STS (GetWebIdentityToken). The official SDK finds region and
 * credentials, and sends the request. Rejects with `secret_unavailable` (retryable if STS cannot be reached or answers
 * with a temporary error) and with `aborted`. The errors contain nothing that the SDK said, except for names of errors.
 */
export async function readFromAws(
  reference: AwsReference,
  context: SecretContext,
  load: () => Promise<StsClient | "missing" | "outdated"> = loadSts,
  { env, execArgv }: Pick<NodeJS.Process, "env" | "execArgv"> = process,
): Promise<string> {
  const { server, signal, clock } = context;
  const { audience } = reference.aws;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable);
  if (context.permissions?.allow?.identity("aws") === false) throw referenceNotAllowed(reference, server);
  const client = await load();
  if (client === "missing") {
    throw fail('the package "@aws-sdk/client-sts" is not installed. Run: npm install @aws-sdk/client-sts');
  }
  if (client === "outdated") {
    throw fail(
      'the package "@aws-sdk/client-sts" is too old for GetWebIdentityToken. Run: npm install @aws-sdk/client-sts@latest',
    );
  }
  const proxied = proxiedMetadata(env, execArgv);
  if (proxied !== undefined) {
    throw fail(
      `the AWS SDK would ask ${proxied.host} for credentials through the proxy in ${proxied.variable}, in plain text, so ` +
        `nothing was sent. Start the agent with ${proxied.host} in NO_PROXY.`,
    );
  }
  let failure: Failure | undefined;
  const outcome = await callFunction(
    async (ended) => {
      try {
        // Entra ID and others accept only RS256; the other choice is ES384. AWS's default lifetime is five minutes.
        const input = { Audience: [audience], SigningAlgorithm: "RS256" };
        return (await client.getWebIdentityToken(input, { abortSignal: ended })).WebIdentityToken;
      } catch (error) {
        failure = failureOf(error);
        throw error;
      }
    },
    { timeout, clock, signal },
  );
  switch (outcome.kind) {
    case "aborted":
      throw secretAborted(server);
    case "late":
      throw fail(`AWS did not answer within ${timeout} ms. Check AWS_REGION and the network.`, true);
    case "threw":
      throw fail(failure?.problem ?? unknownFailure, failure?.retryable);
    case "done":
      break;
  }
  const token = outcome.value;
  const claims = typeof token === "string" ? jwtClaims(token) : undefined;
  if (typeof token !== "string" || claims === undefined) throw fail("the answer of AWS STS has no token.");
  const audiences: readonly unknown[] = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  if (audiences.length === 1 && audiences[0] === audience) return token;
  throw fail("the token is for another audience than the one in the config, so it was not used.");
}

interface Failure {
  readonly problem: string;
  readonly retryable: boolean;
}

const unknownFailure = "the AWS SDK failed. Run `aws sts get-web-identity-token` on this machine to see why.";

/** Errors of the SDK by name, and what to do about each. */
const remedies: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    "the AWS SDK found no credentials. Attach a role to this machine, or set AWS_PROFILE.",
  OutboundWebIdentityFederationDisabled:
    "outbound identity federation is turned off in this AWS account. An administrator turns it on in IAM " +
    "(EnableOutboundWebIdentityFederation).",
  AccessDenied: "AWS denied it. Allow the role `sts:GetWebIdentityToken` for this audience and RS256.",
  ExpiredToken: "the AWS credentials of this machine have expired. Renew them.",
  InvalidClientTokenId: "AWS does not know the credentials of this machine. Check them.",
  SignatureDoesNotMatch: "AWS does not accept the credentials of this machine. Check them, and the clock.",
  UnrecognizedClient: "AWS does not know the credentials of this machine. Check them.",
  SessionDurationEscalation:
    "the AWS session of this machine ends before the token would. Renew the session.",
  InvalidAction:
    "this endpoint of AWS STS has no GetWebIdentityToken. Set AWS_REGION to use a regional endpoint.",
};

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { problem: unknownFailure, retryable: false };
  // The error of a missing or wrong region has no name of its own.
  if (error.message.startsWith("Region ")) {
    return { problem: "the AWS SDK knows no valid region. Set AWS_REGION.", retryable: false };
  }
  // The names of some errors depend on the protocol that the SDK uses.
  const name = error.name.replace(/Exception$/, "");
  const remedy = Object.hasOwn(remedies, name) ? remedies[name] : undefined;
  if (remedy !== undefined) return { problem: remedy, retryable: false };
  const status = statusOf(error);
  if (status === undefined) {
    return { problem: "AWS STS could not be reached. Check AWS_REGION and the network.", retryable: true };
  }
  const retryable = isTemporaryStatus(status) || name.startsWith("Throttling");
  return {
    problem: `AWS STS answered ${status}. ${retryable ? "Try again later." : "Run `aws sts get-web-identity-token` on this machine to see why."}`,
    retryable,
  };
}

/** The status of the response that an error of the SDK is about; `undefined` if there was none. */
function statusOf(error: Error): number | undefined {
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  const isObject = typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata;
  return isObject && typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}
