import type { ConfigSpec, ServerSpec } from "../../config/spec.js";
import { judgeCalls } from "../../diagnosis/mcp-call.js";
import { cleanSecret, flawInWords, secretFlaws } from "../../diagnosis/secret-flaws.js";
import { McpAuthError } from "../../errors/error.js";
import { inspectConfig } from "../../runtime/inspection.js";
import { readSecret, type SecretResolver } from "../../secrets/read-secret.js";
import { describeReference } from "../../secrets/reference.js";
import type { CommandIo } from "../io.js";
import { askMcpServer } from "./mcp-requests.js";
import { cleanedSecretResolver } from "./try-remedies-place.js";

/** What the trials of one server share. */
export interface TrialContext {
  readonly server: string;
  readonly env: CommandIo["env"];
  readonly signal: AbortSignal;
  readonly requests: TokenRequests;
}

/** Counts token requests, and sends no more than a number of them. */
export interface TokenRequests {
  readonly fetch: typeof globalThis.fetch;
  readonly left: () => number;
}

export function limitTokenRequests(most: number, serverUrl: string): TokenRequests {
  let left = most;
  const { href } = new URL(serverUrl);
  return {
    left: () => left,
    async fetch(input, init) {
      const url = input instanceof Request ? input.url : String(input);
      if (init?.method === "POST" && url !== href) {
        // A single trial may cause more than one, such as a second one with a nonce.
        if (left === 0) throw new TypeError("No more token requests are sent.");
        left -= 1;
      }
      return await globalThis.fetch(input, init);
    },
  };
}

/**
 * Requests a token as this config says, and with `calls` sends it to the MCP server. Returns the error; `undefined` if
 * it works. Rejects with `aborted`.
 */
export async function runTrial(
  spec: ConfigSpec,
  { server: name, env, signal, requests }: TrialContext,
  { calls, secret }: { readonly calls: boolean; readonly secret?: string | undefined },
): Promise<McpAuthError | undefined> {
  const resolvers: Record<string, SecretResolver> = {};
  if (secret !== undefined) resolvers[cleanedSecretResolver] = () => secret;
  const inspection = inspectConfig(inMemory(spec), { env, resolvers, fetch: requests.fetch });
  try {
    const server = inspection.server(name);
    if ("failure" in server) return server.failure;
    await server.token(signal);
    if (!calls) return undefined;
    const answers = await askMcpServer(server, signal);
    if (judgeCalls(answers) !== "token_refused") return undefined;
    return answers.find(({ error }) => error !== undefined)?.error ?? refused(name);
  } catch (error) {
    if (error instanceof McpAuthError && error.code !== "aborted") return error;
    throw error;
  } finally {
    await inspection.close();
  }
}

function refused(server: string): McpAuthError {
  return new McpAuthError("unauthorized", `Server "${server}" refused the token.`, { server });
}

/** Tokens of trials are kept nowhere. */
function inMemory(spec: ConfigSpec): ConfigSpec {
  return { ...spec, store: { type: "memory" } };
}

export interface CleanedSecret {
  readonly text: string;
  /** What was removed, and where the secret is read: `Remove the quotes around the secret in …`. */
  readonly remedy: string;
}

/** Reads the client secret, and removes what was copied into it by mistake. Rejects as `readSecret` does. */
export async function readCleanedSecret(
  spec: ConfigSpec,
  { server: name, env, signal }: TrialContext,
  isAtIdp: boolean,
): Promise<CleanedSecret | undefined> {
  const inspection = inspectConfig(inMemory(spec), { env });
  try {
    const server = inspection.server(name);
    if ("failure" in server) return undefined;
    const credential = clientOf(server.spec, isAtIdp)?.credential;
    if (credential?.kind !== "secret") return undefined;
    const text = (await readSecret(credential.secret, server.context(signal))).reveal();
    const [flaw] = secretFlaws(text);
    if (flaw === undefined) return undefined;
    const { what } = flawInWords(flaw, text);
    const source = describeReference(credential.secret);
    return { text: cleanSecret(text), remedy: `Remove ${what} the secret in ${source}.` };
  } finally {
    await inspection.close();
  }
}

function clientOf({ grant }: ServerSpec, isAtIdp: boolean) {
  if (grant.type === "static") return undefined;
  if (!isAtIdp) return grant.client;
  return grant.type === "enterprise_managed" ? grant.idp.client : undefined;
}
