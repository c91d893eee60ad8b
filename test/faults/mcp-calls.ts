// Calls of the MCP server in rows of the fault table, and the requests that they cause.
import { sendJson } from "../support/http-server.js";
import type { FaultWorld } from "./world.js";

export const post = { method: "POST", body: "{}" } as const;

/** Calls the MCP server and returns the status, or the code of the error. */
export async function call(world: FaultWorld, init: RequestInit = post, path = ""): Promise<number | string> {
  const manager = await world.manager();
  try {
    const response = await world.until(manager.fetch(`${manager.url}${path}`, init));
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    world.note(error);
    return error instanceof Error && "code" in error ? String(error.code) : "fetch failed";
  }
}

/** Returns a function that counts the requests to the MCP endpoint and to the token endpoint from now on. */
export function countRequests(world: FaultWorld): () => { mcp: number; token: number } {
  const before = { mcp: world.mcp.calls, token: world.issuer.calls };
  return () => ({ mcp: world.mcp.calls - before.mcp, token: world.issuer.calls - before.token });
}

/**
 * A runtime with the scope `a` and the step-up scopes `b`, `c` and `d`, and a function that returns the scopes of a
 * token.
 */
export async function withStepUp(world: FaultWorld) {
  const { tools } = world.config.servers;
  const grant = { ...tools.grant, scopes: ["a"] };
  const config = { servers: { tools: { ...tools, grant, stepUp: ["b", "c", "d"] } } };
  const auth = await world.runtime<"tools">({ config });
  const scopes = new Map<string, readonly string[]>();
  world.issuer.answer("token", ({ body }, response) => {
    const token = world.issue();
    scopes.set(`Bearer ${token}`, (new URLSearchParams(body).get("scope") ?? "").split(" "));
    sendJson(response, { access_token: token, token_type: "Bearer", expires_in: 3_600 });
  });
  return { auth, issuedFor: (authorization = "") => scopes.get(authorization) ?? [] };
}
