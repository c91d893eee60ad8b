// Helpers of the tests of `register()`.
import { onTestFinished } from "vitest";
import { createMcpAuth, type McpAuth, type McpAuthOptions } from "../../src/index.js";
import { register } from "../../src/register/api.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { type ScriptedIssuer, sendToken, startScriptedIssuer } from "./harness.js";

/** Creates a runtime and registers its servers until the test ends. The options may be a world, which has more. */
export async function createRegisteredRuntime(
  world: Pick<McpAuthOptions, "config" | "cwd" | "env" | "fetch">,
): Promise<McpAuth> {
  const { config, cwd, env, fetch } = world;
  const auth = await createMcpAuth({
    ...(config !== undefined && { config }),
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
    ...(fetch !== undefined && { fetch }),
  });
  const unregister = register(auth);
  onTestFinished(async () => {
    unregister();
    await auth.stop();
  });
  return auth;
}

export interface AnyTokenServer extends ScriptedIssuer {
  /** Returns the Authorization headers of the requests to the server, in order; `null` for a request without one. */
  authorizations(): readonly unknown[];
}

/**
 * Starts a server that accepts any token, with its authorization server at the same origin. The tokens are `token-1`,
 * `token-2` and so on, or all `token-<name>`.
 */
export async function startAnyTokenServer(rest?: Handler, name?: string): Promise<AnyTokenServer> {
  let count = 0;
  const world = await startScriptedIssuer(
    (_request, response) => {
      count += 1;
      sendToken(response, `token-${name ?? count}`);
    },
    rest ?? ((_request, response) => sendJson(response, { ok: true })),
  );
  const authorizations = () =>
    world.server.requests
      .filter(({ url }) => url !== "/token" && !url.startsWith("/.well-known/"))
      .map(({ headers }) => headers.authorization ?? null);
  return { ...world, authorizations };
}
