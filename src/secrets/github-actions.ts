import { systemClock } from "../lib/clock.js";
import { parseJsonObject } from "../lib/json-object.js";
import { isLoopbackHost } from "../lib/loopback.js";
import { BodyTooLarge, boundedFetch } from "../net/bounded-fetch.js";
import { retryAfterOf } from "../net/response-headers.js";
import { isTemporaryStatus } from "../net/retry.js";
import { referenceNotAllowed, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

export interface GithubActionsReference {
  readonly githubActions: { readonly audience?: string };
}

/** Milliseconds that the request may take. */
const timeout = 10_000;

/**
 * Requests the ID token of the GitHub Actions job that this process runs in, for the audience of the config. Without
 * one, GitHub chooses the audience. Rejects with `secret_unavailable` (retryable if GitHub answers with a temporary
 * error), and with `unavailable`, `timeout`, `tls_failed` and `aborted`.
 */
export async function readFromGithubActions(
  reference: GithubActionsReference,
  context: SecretContext,
): Promise<string> {
  const { server, env, signal, clock = systemClock, fetch } = context;
  if (fetch === undefined) throw new TypeError("Reading `githubActions` requires the `fetch` of a network.");
  const fail = (problem: string, retryable = false, retryAfter?: number) =>
    secretUnavailable(reference, server, problem, retryable, retryAfter);
  if (context.permissions?.allow?.identity("githubActions") === false)
    throw referenceNotAllowed(reference, server);
  const url = requestUrl(env["ACTIONS_ID_TOKEN_REQUEST_URL"], reference.githubActions.audience);
  const authorization = env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
  if (url === undefined || authorization === undefined || authorization === "") {
    throw fail(
      "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set. They are set only inside a GitHub " +
        "Actions job, and only with `permissions: { id-token: write }` in its workflow.",
    );
  }
  if (url === "insecure") throw fail("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL.");
  const headers = { authorization: `Bearer ${authorization}`, accept: "application/json" };
  const target = "the ID token service of GitHub Actions";
  try {
    const endpoint = "GitHub Actions" as const;
    const request = { server, target, endpoint, url, headers, timeout, clock, ...(signal && { signal }) };
    const response = await boundedFetch(fetch, request);
    const { status } = response;
    if (status !== 200) {
      const retryable = isTemporaryStatus(status);
      const advice = retryable ? "Try again later." : "Check `permissions: { id-token: write }` of the job.";
      throw fail(
        `its service answered ${status}. ${advice}`,
        retryable,
        retryAfterOf(response.headers, clock.now()),
      );
    }
    const { value } = parseJsonObject(response.body) ?? {};
    if (typeof value === "string" && value !== "") return value;
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
  }
  throw fail("the response of its service has no token.");
}

/** Returns the URL with the audience, or `"insecure"` for a URL that the credential must not be sent to. */
function requestUrl(text: string | undefined, audience: string | undefined): string | "insecure" | undefined {
  if (text === undefined || text === "") return undefined;
  if (!URL.canParse(text)) return "insecure";
  const url = new URL(text);
  const isLocal = url.protocol === "http:" && isLoopbackHost(url.hostname);
  if (url.protocol !== "https:" && !isLocal) return "insecure";
  // Appended to the query, so that the part that the runner set stays unchanged.
  if (audience !== undefined) {
    url.search += `${url.search === "" ? "?" : "&"}audience=${encodeURIComponent(audience)}`;
  }
  return url.href;
}
