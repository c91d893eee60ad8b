// The message about a rejected token request names the cause: first if the server says what such servers say, and among
// the candidates if it says nothing.
import { describe, expect, test } from "vitest";
import { findingsIn } from "../../src/errors/findings.js";
import type { McpAuthError } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { type Fault, faults, readSentRequest, type Words } from "./faulty-servers.js";
import { field, publish } from "./field.js";
import { sendToken } from "./harness.js";

/** Starts the server of a fault, which says these words, with the config of the fault or the corrected one. */
async function withFault(fault: Fault, words: Words | number, isCorrected = false) {
  const { server, corrected } = fault;
  const config = (isCorrected ? corrected?.config : undefined) ?? fault.config;
  const env = (isCorrected ? corrected?.env : undefined) ?? fault.env;
  let issuer = "";
  const setDate = (response: Parameters<Handler>[1]): void => {
    if (server.clockAhead === undefined) return;
    response.setHeader("date", new Date(Date.now() + server.clockAhead * 1_000).toUTCString());
  };
  const token: Handler = async (request, response) => {
    setDate(response);
    if (await server.accepts(await readSentRequest(request, issuer))) return sendToken(response, "granted");
    if (typeof words === "number") return void response.writeHead(words).end();
    return sendJson(response, words.body, words.status);
  };
  const started = await field({
    token,
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
        : sendJson(response, {}, 404),
    config: (place) => config(place.issuer),
    env,
  });
  issuer = started.issuer;
  return started.manager;
}

async function rejectedBy(fault: Fault, words: Words | number): Promise<McpAuthError> {
  const manager = await withFault(fault, words);
  const error = await rejectionOf(manager.getAccessToken());
  expect(error.code).toBe("token_request_rejected");
  for (const value of Object.values(fault.env)) expect(error.message).not.toContain(value.trim());
  // The message of the rejection, at most three sentences of advice, and one about the details.
  const [, advice = ""] = /rejected the request \([^)]*\)\. (.*)$/s.exec(error.message) ?? [];
  expect(advice).not.toBe("");
  return error;
}

describe.each(faults.map((fault) => [fault.title, fault] as const))("a server that %s", (_, fault) => {
  test("is explained first if it says what such servers say", async () => {
    const error = await rejectedBy(fault, fault.words);
    expect(findingsIn(error)[0]).toBe(fault.id);
    expect(error.message).toContain(fault.remedy);
  });

  test("is among the candidates after a bare 401", async () => {
    expect(findingsIn(await rejectedBy(fault, 401))).toEqual(fault.bare401);
  });

  test("is among the candidates after a bare 400", async () => {
    expect(findingsIn(await rejectedBy(fault, 400))).toEqual(fault.bare400);
  });

  test.runIf(fault.corrected !== undefined)("issues a token once the config is corrected", async () => {
    const manager = await withFault(fault, fault.words, true);
    expect(await manager.getAccessToken()).toBe("granted");
  });
});
