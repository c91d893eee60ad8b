// Calls of the MCP server in a row of the fault table, and what they cost.
import { sendJson } from "../support/http-server.js";
import type { FaultWorld } from "./world.js";

export const post = { method: "POST", body: "{}" } as const;

/** A call of the MCP server: its status, or the code of the error. */
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

/** Requests to the MCP endpoint, and to the token endpoint, from here on. */
export function counter(world: FaultWorld): () => { mcp: number; token: number } {
  const before = { mcp: world.mcp.calls, token: world.issuer.calls };
  return () => ({ mcp: world.mcp.calls - before.mcp, token: world.issuer.calls - before.token });
}

/** A server whose config has the scope `a`, and `b`, `c` and `d` to grow to; the scopes that each token was issued for. */
export async function growing(world: FaultWorld) {
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
