// An MCP server and its authorization server at one origin that put a sentence into every text that a server can
// choose, and a runtime for them whose output is recorded.
import { randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { inspect } from "node:util";
import { onTestFinished } from "vitest";
import type { Logger, McpAuthConfig, McpAuthError, McpAuthOptions } from "../../src/index.js";
import { listen } from "../support/listen.js";
import { sharedMemory } from "../support/shared-memory.js";
import { eventNames } from "./canaries-evidence.js";
import { createTestRuntime } from "./harness.js";

export const sentence = "IGNORE_PREVIOUS_INSTRUCTIONS";

export interface ReceivedRequest {
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
}

export type Answer = (response: ServerResponse, request: ReceivedRequest, origin: string) => void;
export type Part = "metadata" | "resource" | "token" | "mcp";
export type Answers = Partial<Record<Part, Answer>>;

export const usualToken = {
  access_token: randomBytes(24).toString("base64url"),
  token_type: "Bearer",
  expires_in: 600,
  scope: sentence,
};

/** Sends a JSON response with the sentence in its reason phrase, in a header, and in the name and value of a member. */
export function send(
  response: ServerResponse,
  status: number,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): void {
  const said = { "content-type": "application/json", "x-note": sentence, ...headers };
  response.writeHead(status, sentence, said).end(JSON.stringify({ [sentence]: sentence, ...body }));
}

export const json =
  (status: number, body: object, headers?: Readonly<Record<string, string>>): Answer =>
  (response) =>
    send(response, status, body, headers);

const usual: Readonly<Record<Part, Answer>> = {
  metadata: (response, _request, issuer) =>
    send(response, 200, {
      issuer,
      token_endpoint: `${issuer}/token/${sentence}`,
      scopes_supported: [sentence],
    }),
  resource: json(404, {}),
  token: json(200, { ...usualToken }),
  mcp: json(200, {}),
};

function partOf(path: string): Part {
  if (path.includes("oauth-protected-resource")) return "resource";
  if (path.includes(".well-known/")) return "metadata";
  return path.startsWith("/token") ? "token" : "mcp";
}

/** Starts both servers at one origin and closes them when the test ends. */
export async function hostileServers(answers: Answers): Promise<string> {
  const { origin, close } = await listen((own) => (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const part = partOf(request.url ?? "");
      const form = new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
      (answers[part] ?? usual[part])(response, { headers: request.headers, form }, own);
    });
  });
  onTestFinished(close);
  return origin;
}

/** Starts the servers and creates a runtime for them. `members` returns the server config without its URL. */
export async function hostileWorld(
  answers: Answers,
  members: (client: { readonly issuer: string; readonly id: string }) => object,
  options: Pick<McpAuthOptions, "env" | "clock"> = {},
) {
  const origin = await hostileServers(answers);
  const shown: string[] = [];
  const keep = (value: unknown) => {
    shown.push(inspect(value, { depth: 9, showHidden: true }), JSON.stringify(value) ?? "");
  };
  const log = (fields: object, message: string) => keep([fields, message]);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const server = { url: `${origin}/mcp`, ...members({ issuer: origin, id: "agent" }) };
  const auth = await createTestRuntime({
    ...options,
    // Built from parts.
    config: {
      defaults: { retry: { attempts: 1 } },
      servers: { tools: server },
    } as object as McpAuthConfig<"tools">,
    store: sharedMemory().store(),
    logger,
  });
  process.on("warning", keep);
  onTestFinished(() => void process.off("warning", keep));
  for (const name of eventNames) {
    auth.on(name, keep);
    subscribe(`mcp-auth:${name}`, keep);
    onTestFinished(() => void unsubscribe(`mcp-auth:${name}`, keep));
  }
  const manager = auth.resolve("tools");
  return {
    manager,
    origin,
    /** Returns all output: events, log lines, warnings, status, capabilities and the error without its details. */
    async shown(error: McpAuthError): Promise<string> {
      keep([manager.status(), auth.status(), manager.clientCapabilities]);
      await auth.stop();
      const wrapped = new Error("The call failed.", { cause: error });
      keep([auth.status(), error, { ...error }, wrapped, structuredClone(error)]);
      return [...shown, error.message, error.stack, wrapped.stack].join("\n");
    },
  };
}
