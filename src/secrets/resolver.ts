import type { ResolverReference } from "../config/spec.js";
import { callFunction } from "../lib/call-function.js";
import { knownFunction } from "../lib/known-function.js";
import { referenceNotAllowed, secretAborted, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** Milliseconds that a resolver may take. */
const timeout = 10_000;

/**
 * Calls a resolver with a `ref` and returns its string. Rejects with `secret_unavailable` (retryable if it took too
 * long) and with `aborted`. The error shows nothing that the resolver threw.
 */
export async function readFromResolver(
  reference: ResolverReference,
  context: SecretContext,
  what?: string,
): Promise<string> {
  const { server, signal, resolvers, clock } = context;
  const { resolver: name, ref } = reference;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable, undefined, what);
  if (context.permissions?.allow?.resolver(name) === false) throw referenceNotAllowed(reference, server);
  const { fn, problem } = knownFunction(resolvers, name, "resolvers");
  if (fn === undefined) throw fail(problem);
  const outcome = await callFunction((ended) => fn(ref, { server, signal: ended }), {
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
      throw fail("it threw. Call it by itself to see the error.");
    case "done":
      if (typeof outcome.value === "string") return outcome.value;
      throw fail("it did not return a string.");
  }
}
