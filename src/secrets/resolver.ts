import type { ResolverReference } from "../config/spec.js";
import { callFunction } from "../lib/call-function.js";
import { knownFunction } from "../lib/known-function.js";
import { referenceNotAllowed, secretAborted, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** Milliseconds until a resolver has to answer. */
const timeout = 10_000;

/**
 * Calls a resolver with a `ref` and returns its string. Rejects with `secret_unavailable` (retryable when it took too
 * long), which shows nothing of an error of the resolver, and with `aborted`.
 */
export async function readFromResolver(
  reference: ResolverReference,
  context: SecretContext,
): Promise<string> {
  const { server, signal, resolvers, clock } = context;
  const { resolver: name, ref } = reference;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable);
  if (context.permissions?.allow?.resolver(name) === false) throw referenceNotAllowed(reference, server);
  const { found, problem } = knownFunction(resolvers, name, "resolvers");
  if (found === undefined) throw fail(problem);
  const outcome = await callFunction((ended) => found(ref, { server, signal: ended }), {
    timeout,
    clock,
    signal,
  });
  switch (outcome.kind) {
    case "aborted":
      throw secretAborted(server);
    case "late":
      throw fail(`it did not answer within ${timeout} ms.`, true);
    case "threw":
      throw fail("it threw. Call it by itself to see what.");
    case "done":
      if (typeof outcome.value === "string") return outcome.value;
      throw fail("it gave something else than a string.");
  }
}
