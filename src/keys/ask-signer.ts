import { isUint8Array } from "node:util/types";
import type { SignerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { callFunction } from "../lib/call-function.js";
import { knownFunction } from "../lib/known-function.js";
import { commandsForbidden, notAllowed } from "../lib/permissions.js";
import { quoted } from "../lib/printable.js";
import { runProcess } from "../lib/run-process.js";
import { type JwtHeader, type KeyContext, type Signer, signerUnavailable } from "./signing-key.js";

/** Milliseconds that a function may take. */
const functionTimeout = 10_000;

/** The maximum length of a command's output: four times the signature of an RSA key of 16,384 bits. */
const maxOutputBytes = 11_264;

/**
 * Requests a signature from a signer and returns it without verifying it. Errors never show what the signer printed or
 * threw. Rejects with `signer_unavailable` (retryable if the signer took too long) and `aborted`.
 */
export async function askSigner(
  signer: SignerSpec,
  { alg, kid }: JwtHeader,
  input: Uint8Array,
  signal: AbortSignal | undefined,
  context: KeyContext,
): Promise<Uint8Array> {
  if ("name" in signer) return await askFunction(signer, { alg, kid, input }, signal, context);
  const { server, env, clock } = context;
  const forbidden = commandsForbidden(context);
  if (forbidden !== undefined) throw signerUnavailable(server, signer, forbidden);
  if (context.permissions?.allow?.command(signer.exec) === false) {
    throw notAllowed("the command that signs", "exec", server);
  }
  const request = JSON.stringify({ alg, kid: kid ?? null, input: Buffer.from(input).toString("ascii") });
  const { exec: command, timeout } = signer;
  const cwd = context.permissions?.allow?.folder ?? signer.cwd;
  const outcome = await runProcess({
    ...{ command, cwd, env, timeout, signal },
    input: `${request}\n`,
    maxBytes: maxOutputBytes,
    ...(clock && { clock }),
  });
  if (outcome.kind === "aborted") throw aborted(server);
  if (outcome.kind === "failed") throw signerUnavailable(server, signer, outcome.problem, outcome.retryable);
  const printed = outcome.stdout.toString("latin1").trim().replace(/=+$/, "");
  if (!/^[\w-]+$/.test(printed))
    throw signerUnavailable(
      server,
      signer,
      "it did not print a signature in base64url. Print one line with only that (RFC 4648 §5: - and _ instead of + " +
        "and /).",
    );
  return Buffer.from(printed, "base64url");
}

async function askFunction(
  signer: Extract<SignerSpec, { name: string }>,
  request: Omit<Parameters<Signer>[0], "signal">,
  signal: AbortSignal | undefined,
  { server, signers, clock, permissions }: KeyContext,
): Promise<Uint8Array> {
  if (permissions?.allow?.resolver(signer.name) === false)
    throw notAllowed(`the signer ${quoted(signer.name)}`, "resolvers", server);
  const { fn, problem } = knownFunction(signers, signer.name, "signers");
  if (fn === undefined) throw signerUnavailable(server, signer, problem);
  const limits = { timeout: functionTimeout, clock, signal };
  const outcome = await callFunction((ended) => fn({ ...request, signal: ended }), limits);
  switch (outcome.kind) {
    case "aborted":
      throw aborted(server);
    case "late":
      throw signerUnavailable(server, signer, `it did not answer within ${functionTimeout} ms.`, true);
    case "threw":
      throw signerUnavailable(server, signer, "it threw. Call it by itself to see the error.");
    case "done":
      // Not `instanceof`, because a test runner may have another global `Uint8Array`.
      if (isUint8Array(outcome.value)) return outcome.value;
      throw signerUnavailable(server, signer, "it did not return a Uint8Array.");
  }
}

function aborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the wait for a signature was aborted.`, { server });
}
