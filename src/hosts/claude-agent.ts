import "../lib/check-node.js";
import { type McpAuth, McpAuthError } from "../index.js";
import { createProxy, internalsOfAuth } from "../proxy/create-proxy.js";
import { generateToken } from "../proxy/local-token.js";
import type { McpProxy } from "../proxy/options.js";
import { assertHostVersion } from "./common/host-version.js";
import { managersOf } from "./common/managers-of.js";

const packageName = "@anthropic-ai/claude-agent-sdk";

/** `McpHttpServerConfig` of the Claude Agent SDK, as far as it is set here. */
export interface ClaudeAgentServer {
  readonly type: "http";
  /** The URL of the server at the proxy. It contains the proxy's local token, so treat it as a secret. */
  readonly url: string;
}

/** An option for Claude Code's settings of a server. The types of the Claude Agent SDK do not have it. */
export interface ClaudeAgentHeadersHelper {
  readonly headersHelper: string;
}

const callersFault: ReadonlySet<string> = new Set(["unknown_server", "egress_denied", "stopped"]);

/** The proxies of a runtime, by the names that they serve. */
const proxies = new WeakMap<McpAuth, Map<string, Promise<McpProxy>>>();

/**
 * Returns the `mcpServers` of the Claude Agent SDK (`@anthropic-ai/claude-agent-sdk`) for the named servers, by default
 * for all servers of the config. The agent runs in another process, Claude Code, which accepts only URLs. So this starts
 * a proxy in the calling process, on loopback, which serves only these servers and sends each request on with its token.
 * Later calls with the same names share the proxy.
 *
 * The proxy stops with `auth.stop()`, and does not keep the process alive before that. Resolves after each server has got
 * a first token or failed to get one, because Claude Code begins without a server that does not answer within seconds.
 * Claude Code does not show why a server fails, so a process warning tells, once until the server works again.
 *
 * Rejects with `unknown_server` and with `stopped`. A server whose config cannot be used is in the result too; its
 * requests fail with the reason.
 *
 * @example
 * ```ts
 * const servers = await mcpServers(auth, ["billing"]);
 * const options = { mcpServers: servers, mcpServersDelivery: "initialize", allowedTools: ["mcp__billing"] };
 * for await (const message of query({ prompt, options })) console.log(message);
 * ```
 */
export async function mcpServers<Name extends string, Chosen extends Name = Name>(
  auth: McpAuth<Name>,
  names?: readonly Chosen[],
): Promise<Record<Chosen, ClaudeAgentServer>> {
  const managers = managersOf(auth, names);
  const proxy = await proxyFor(auth, names);
  // A failure is reported when the agent connects.
  await Promise.allSettled(managers.map(([, manager]) => manager.getToken()));
  const servers = managers.map(([name]) => [name, { type: "http", url: proxy.url(name) }] as const);
  // `Object.fromEntries` loses the names.
  return Object.fromEntries(servers) as unknown as Record<Chosen, ClaudeAgentServer>;
}

/**
 * Returns the option that lets Claude Code run our command `headers` for a server, to spread into the server's own
 * options. Claude Code runs it on connecting and after a 401, and waits ten seconds for it. `mcpServers()` is better: it
 * renews tokens before they expire, needs no process for a token, and can send proofs and certificates. With this option
 * the config must not have a `dpop` or `certificate` for the server, and the server's options no `Authorization` header.
 *
 * The command finds the config, and variables for secrets, as a process that the agent's process starts. If the `env` of
 * the options is set, it must contain those variables.
 *
 * Throws `config_invalid` for a version before 0.3.193, which does not run the command again after a 401, and for a name
 * that no server can have.
 *
 * @example
 * ```ts
 * const mcpServers = { billing: { type: "http" as const, url, ...headersHelper("billing") } };
 * ```
 */
export function headersHelper(name: string): ClaudeAgentHeadersHelper {
  assertHostVersion(packageName, "0.3.193", 'it does not run the "headersHelper" again after a 401');
  // A shell runs the command.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new McpAuthError(
      "config_invalid",
      "headersHelper() needs the name of a server of the config: letters, digits, dots, dashes and underscores.",
    );
  }
  return { headersHelper: `npx mcp-auth-runtime headers ${name}` };
}

async function proxyFor<Name extends string>(
  auth: McpAuth<Name>,
  names: readonly Name[] | undefined,
): Promise<McpProxy<Name>> {
  const ofRuntime = proxies.get(auth) ?? new Map<string, Promise<McpProxy>>();
  proxies.set(auth, ofRuntime);
  const key = names === undefined ? "*" : [...new Set(names)].sort().join();
  const proxy = ofRuntime.get(key) ?? startReportingProxy(auth, names);
  ofRuntime.set(key, proxy);
  // The next call tries again.
  proxy.catch(() => ofRuntime.delete(key));
  return await proxy;
}

async function startReportingProxy<Name extends string>(
  auth: McpAuth<Name>,
  names: readonly Name[] | undefined,
): Promise<McpProxy<Name>> {
  const proxy = await createProxy(auth, {
    ...(names !== undefined && { servers: names }),
    // The address and the token of the config are those of the command.
    listen: "127.0.0.1:0",
    token: generateToken(),
    onOutcome: failureReporter(),
  });
  internalsOfAuth(auth).onStop(() => void proxy.stop());
  return proxy;
}

/** Reports each failure of a server once, until the server answers again. A wrong path is the caller's mistake. */
function failureReporter(): (server: string, failure: McpAuthError | undefined) => void {
  const reported = new Map<string, string>();
  return (server, failure) => {
    if (failure === undefined) {
      reported.delete(server);
    } else if (!callersFault.has(failure.code) && reported.get(server) !== failure.message) {
      reported.set(server, failure.message);
      process.emitWarning(failure.message, { type: "McpAuthWarning", code: failure.code });
    }
  };
}
