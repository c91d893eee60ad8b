import type { SecretReference } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { systemClock } from "../../lib/clock.js";
import type { EndpointKind } from "../../lib/debug.js";
import { type BoundedResponse, exchange, type FetchFunction } from "../../net/bounded-fetch.js";
import { type Failure, failureError } from "../../net/failure.js";
import { retryAfterOf } from "../../net/response-headers.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { describeReference, secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";

/** Milliseconds that a request may take. */
const timeout = 5_000;
/** A token has a few kilobytes. */
const maxKilobytes = 64;

/** A service that issues tokens for the identity of this machine. */
export interface IdentityService {
  /** Its name in messages, such as "its metadata server". */
  readonly name: string;
  /** The kind of endpoint in debug lines. */
  readonly endpoint: EndpointKind;
  /** One or two sentences for a service that cannot be reached: where it exists, and what to do. */
  readonly where: string;
  readonly fetch: FetchFunction;
}

export interface ServiceRequest {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Sends a request to a service and returns its response, whatever its status, except for a redirect. Rejects with
 * `secret_unavailable`, and with `unavailable`, `timeout`, `tls_failed` and `aborted`. The errors contain nothing that
 * the service sent.
 */
export async function askService(
  service: IdentityService,
  request: ServiceRequest,
  reference: SecretReference,
  context: SecretContext,
): Promise<BoundedResponse> {
  const { server, signal, clock = systemClock } = context;
  const { name, endpoint, fetch } = service;
  const limits = { timeout, clock, maxBytes: maxKilobytes * 1_024, ...(signal && { signal }) };
  const result = await exchange(fetch, { server, target: name, endpoint, ...request, ...limits });
  if (result.kind === "failed") throw unreachable(service, request.url, result.failure, reference, server);
  const fail = (problem: string) => secretUnavailable(reference, server, problem);
  if (result.kind === "too-large") throw fail(`${name} sent more than ${maxKilobytes} KiB.`);
  const { status } = result.response;
  if (status >= 300 && status < 400) {
    throw fail(
      `${name} answered with a redirect (${status}), which is not followed. Check what answers at its address.`,
    );
  }
  return result.response;
}

/** Returns the error for a service that cannot be reached. The reason is usually that it does not exist here. */
function unreachable(
  { name, where }: IdentityService,
  url: string,
  failure: Failure,
  reference: SecretReference,
  server: string,
): McpAuthError {
  const { code, brief, systemCode } = failure;
  if (code !== "unavailable" && code !== "timeout") return failureError(server, failure);
  const problem = code === "timeout" ? `did not answer within ${timeout} ms` : brief;
  const text = `${name} (${new URL(url).host}) ${problem}. ${where}`;
  // A name that does not exist will not exist in a second either.
  if (systemCode === "ENOTFOUND") return secretUnavailable(reference, server, text);
  return new McpAuthError(
    code,
    `Server "${server}": could not read the secret from ${describeReference(reference)}: ${text}`,
    { server, retryable: true },
  );
}

/**
 * Returns the error for a status other than 200. It is retryable if the same request may succeed later: then the advice
 * is to wait.
 */
export function refused(
  { status, headers }: BoundedResponse,
  advice: string,
  { reference, context, service }: Refusal,
  isTemporary: (status: number) => boolean = isTemporaryStatus,
): McpAuthError {
  const retryable = isTemporary(status);
  const now = (context.clock ?? systemClock).now();
  return secretUnavailable(
    reference,
    context.server,
    `${service.name} answered ${status}. ${retryable ? "Try again later." : advice}`,
    retryable,
    retryable ? retryAfterOf(headers, now) : undefined,
  );
}

interface Refusal {
  readonly reference: SecretReference;
  readonly context: SecretContext;
  readonly service: IdentityService;
}

/** Returns the `fetch` that sends past every proxy. A mistake in our code if there is none. */
export function directFetch({ fetchDirect }: SecretContext): FetchFunction {
  if (fetchDirect === undefined)
    throw new TypeError("A metadata service requires `fetchDirect` of a network.");
  return fetchDirect;
}
