import type { TokenManager } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { type Fault, readSentRequest, type Words } from "./faulty-servers.js";
import { field } from "./field.js";
import { sendToken } from "./harness.js";

/** Starts the server of a fault, which says these words, with the config of the fault or the corrected one. */
export async function withFault(
  fault: Fault,
  words: Words | number,
  isCorrected = false,
): Promise<TokenManager> {
  const { server, corrected } = fault;
  const config = (isCorrected ? corrected?.config : undefined) ?? fault.config;
  const env = (isCorrected ? corrected?.env : undefined) ?? fault.env;
  let issuer = "";
  const token: Handler = async (request, response) => {
    if (await server.accepts(await readSentRequest(request, issuer))) return sendToken(response, "granted");
    if (typeof words === "number") return void response.writeHead(words).end();
    return sendJson(response, words.body, words.status);
  };
  const started = await field({
    token,
    ...(server.metadata && { metadata: server.metadata }),
    mcp: (place) => (request, response) =>
      request.url.startsWith("/.well-known/oauth-protected-resource") && server.scopes !== undefined
        ? sendJson(response, {
            resource: `${place.mcp}/mcp`,
            authorization_servers: [place.issuer],
            scopes_supported: server.scopes,
          })
        : sendJson(response, {}, 404),
    config: (place) => config(place.issuer),
    env,
  });
  issuer = started.issuer;
  return started.manager;
}
