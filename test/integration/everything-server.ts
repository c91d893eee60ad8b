// A server with a session that uses every kind of message of MCP.
import { completable as completableV1 } from "@modelcontextprotocol/sdk/server/completable.js";
import { type McpServer, ResourceTemplate as TemplateV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { completable, ResourceTemplate } from "@modelcontextprotocol/server";
import * as z from "zod";
import { deferred } from "../support/deferred.js";
import { serverToken } from "./proxied.js";
import { startSessions } from "./stdio-bridge.js";

export type Sdk = "v1" | "v2";

/** What a tool can use of its context, which the two SDKs name differently. */
interface Context {
  readonly signal: AbortSignal;
  readonly _meta?: { readonly progressToken?: string | number };
  readonly sendNotification: (notification: object) => Promise<void>;
  readonly sendRequest: (request: object, schema: unknown) => Promise<unknown>;
}

function contextOf(given: unknown): Context {
  // Each SDK calls a tool with a context of its own.
  const context = given as Context | { readonly mcpReq: Request & Context };
  if (!("mcpReq" in context)) return context;
  const { mcpReq } = context;
  return Object.assign(Object.create(mcpReq), {
    sendNotification: mcpReq.notify,
    sendRequest: mcpReq.send,
  });
}

/** The members of SDK v2 for what a tool sends. */
interface Request {
  readonly notify: Context["sendNotification"];
  readonly send: Context["sendRequest"];
}

const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

/** Starts the server, which accepts only its token, and closes it when the test ends. */
export async function startEverything(sdk: Sdk, options: { readonly resumable?: boolean } = {}) {
  const waiting = deferred();
  const canceled = deferred();
  const finish = deferred();
  const servers: McpServer[] = [];
  const server = await startSessions({
    ...{ sdk, ...options },
    intercept({ headers }, response) {
      const isAllowed = headers.authorization === `Bearer ${serverToken}`;
      if (!isAllowed) response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      return !isAllowed;
    },
    tools(each) {
      servers.push(each);
      register(sdk, each);
      each.registerTool("progress", { inputSchema: z.object({ text: z.string() }) }, async (_, given) => {
        const { sendNotification, _meta } = contextOf(given);
        const progress = { progressToken: _meta?.progressToken, progress: 1 };
        await sendNotification({ method: "notifications/progress", params: progress });
        await finish.promise;
        return text("done");
      });
      each.registerTool("wait", { inputSchema: z.object({ text: z.string() }) }, async (_, given) => {
        const { signal } = contextOf(given);
        waiting.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        canceled.resolve();
        return text("too late");
      });
    },
  });
  return { server, servers, waiting: waiting.promise, canceled: canceled.promise, finish: finish.resolve };
}

function register(sdk: Sdk, server: McpServer): void {
  const inputSchema = z.object({ text: z.string() });
  server.registerTool("echo", { inputSchema }, (given) => text(given.text));
  server.registerTool("ask", { inputSchema }, async (_, given) => {
    const { sendNotification, sendRequest } = contextOf(given);
    await sendNotification({ method: "notifications/message", params: { level: "info", data: "asking" } });
    return text(JSON.stringify(await sendRequest({ method: "roots/list" }, z.looseObject({}))));
  });
  const complete = (value: string) => ["north", "south"].filter((each) => each.startsWith(value));
  const where = z.string();
  // Both functions mark the same schema, each for its own SDK.
  const argument = sdk === "v1" ? completableV1(where, complete) : completable(where, complete);
  server.registerPrompt("way", { argsSchema: { where: argument as typeof where } }, (given) => ({
    messages: [{ role: "user", content: { type: "text", text: `Go ${given.where}.` } }],
  }));
  const callbacks = { list: undefined, complete: { name: complete } };
  const template =
    sdk === "v1"
      ? new TemplateV1("note://{name}", callbacks)
      : new ResourceTemplate("note://{name}", callbacks);
  // The class of each SDK is accepted by its own server only.
  server.registerResource("note", template as TemplateV1, {}, ({ href }) => ({
    contents: [{ uri: href, text: `The text of ${href}` }],
  }));
}
