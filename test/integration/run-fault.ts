import type { TokenManager } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { mcpAnswers } from "./causes/mcp-answers.js";
import { type Fault, readSentRequest, type Words } from "./faulty-servers.js";
import { type Field, field, type Product, publish } from "./field.js";
import { sendToken } from "./harness.js";

/** Starts the server of a fault, which says these words, with the config of the fault or the corrected one. */
export async function withFault(
  fault: Fault,
  words: Words | number,
  isCorrected = false,
): Promise<TokenManager> {
  return (await fieldOf(fault, words, isCorrected)).manager;
}

/** Starts the servers of a fault, and returns them with the config. */
export async function fieldOf(fault: Fault, words: Words | number, isCorrected = false): Promise<Field> {
  return await field(productOf(fault, words, isCorrected));
}

/** Returns the servers and the config of a fault. */
function productOf(fault: Fault, words: Words | number, isCorrected: boolean): Product {
  const { server, corrected } = fault;
  const config = (isCorrected ? corrected?.config : undefined) ?? fault.config;
  const setDate = (response: Parameters<Handler>[1]): void => {
    if (server.clockAhead === undefined) return;
    response.setHeader("date", new Date(Date.now() + server.clockAhead * 1_000).toUTCString());
  };
  return {
    token: async (request, response, { issuer }) => {
      setDate(response);
      if (await server.accepts(await readSentRequest(request, issuer))) return sendToken(response, "granted");
      if (typeof words === "number") return void response.writeHead(words).end();
      return sendJson(response, words.body, words.status);
    },
    issuer: (place) => (request, response) => {
      setDate(response);
      return publish(place, server.metadata)(request, response);
    },
    mcp: (place) => (request, response) =>
      request.url.startsWith("/.well-known/oauth-protected-resource") && server.scopes !== undefined
        ? sendJson(response, {
            resource: `${place.mcp}/mcp`,
            authorization_servers: [place.issuer],
            scopes_supported: server.scopes,
          })
        : request.url === "/mcp"
          ? mcpAnswers()(request, response)
          : sendJson(response, {}, 404),
    config: (place) => config(place.issuer),
    env: (isCorrected ? corrected?.env : undefined) ?? fault.env,
  };
}
