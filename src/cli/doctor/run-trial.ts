import type { ServerSpec } from "../../config/spec.js";
import { judgeCalls } from "../../diagnosis/mcp-call.js";
import { cleanSecret, flawInWords, secretFlaws } from "../../diagnosis/secret-flaws.js";
import { McpAuthError } from "../../errors/error.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { InspectedServer, Inspection } from "../../runtime/inspection.js";
import { readSecret } from "../../secrets/read-secret.js";
import { describeReference } from "../../secrets/reference.js";
import { askMcpServer } from "./mcp-requests.js";
import { cleanedSecretResolver } from "./place-of-trial.js";

/** Sends no more than a number of token requests. */
export class RequestLimit {
  #left: number;
  readonly #server: string;

  /** @param server the URL of the MCP server, to which calls and no token requests are sent */
  constructor(most: number, server: string) {
    this.#left = most;
    this.#server = new URL(server).href;
  }

  get isReached(): boolean {
    return this.#left === 0;
  }

  /** Counts what a function sends. One trial may cause two requests, such as a second one with a nonce. */
  around(send: FetchFunction): FetchFunction {
    return async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      // Metadata is read with GET.
      if (init?.method === "POST" && url !== this.#server) {
        if (this.#left === 0) throw new TypeError("No more token requests are sent.");
        this.#left -= 1;
      }
      return await send(input, init);
    };
  }
}

export interface TrialOptions {
  readonly limit: RequestLimit;
  readonly signal: AbortSignal;
  /** Whether to send the token to the MCP server, too. */
  readonly calls: boolean;
  /** The client secret to use in place of that of the config. */
  readonly secret?: string | undefined;
}

/**
 * Requests a token for a server as `spec` describes it. Returns the error; `undefined` if it works. Rejects with
 * `aborted`.
 */
export async function runTrial(
  spec: ServerSpec,
  inspection: Inspection,
  { limit, signal, calls, secret }: TrialOptions,
): Promise<McpAuthError | undefined> {
  const server = inspection.variant(spec, {
    around: (send) => limit.around(send),
    ...(secret !== undefined && { resolvers: { [cleanedSecretResolver]: () => secret } }),
  });
  try {
    await server.token(signal);
    return calls ? await errorOfCall(server, signal) : undefined;
  } catch (error) {
    if (error instanceof McpAuthError && error.code !== "aborted") return error;
    throw error;
  }
}

/** Only the refusal of the token counts: a server that accepts it may still fail. */
async function errorOfCall(server: InspectedServer, signal: AbortSignal): Promise<McpAuthError | undefined> {
  const calls = await askMcpServer(server, signal);
  if (judgeCalls(calls) !== "token_refused") return undefined;
  const { name } = server.spec;
  const [error] = calls.flatMap((call) => call.error ?? []);
  return error ?? new McpAuthError("unauthorized", `Server "${name}" refused the token.`, { server: name });
}

export interface CleanedSecret {
  readonly text: string;
  /** What was removed, and where the secret is read: `Remove the quotes around the secret in …`. */
  readonly remedy: string;
}

/**
 * Reads the client secret, and removes what was copied into it by mistake. Returns `undefined` if there is nothing to
 * remove. Rejects as `readSecret` does.
 */
export async function readCleanedSecret(
  server: InspectedServer,
  signal: AbortSignal,
  isAtIdp: boolean,
): Promise<CleanedSecret | undefined> {
  const credential = clientOf(server.spec, isAtIdp)?.credential;
  if (credential?.kind !== "secret") return undefined;
  const text = (await readSecret(credential.secret, server.context(signal))).reveal();
  const [flaw] = secretFlaws(text);
  if (flaw === undefined) return undefined;
  const { what } = flawInWords(flaw, text);
  const source = describeReference(credential.secret);
  return { text: cleanSecret(text), remedy: `Remove ${what} the secret in ${source}.` };
}

function clientOf({ grant }: ServerSpec, isAtIdp: boolean) {
  if (grant.type === "static") return undefined;
  if (!isAtIdp) return grant.client;
  return grant.type === "enterprise_managed" ? grant.idp.client : undefined;
}
