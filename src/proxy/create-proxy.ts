import { resolve } from "node:path";
import { McpAuthError } from "../errors/error.js";
import type { McpAuth, TokenManager, TokenManagerStatus } from "../index.js";
import { systemClock } from "../lib/clock.js";
import { jsRuntime } from "../lib/js-runtime.js";
import { type ListenAddress, parseListenAddress } from "../lib/listen-address.js";
import { isLoopbackAddress } from "../lib/loopback.js";
import { printable } from "../lib/printable.js";
import {
  type McpAuthWithInternals,
  type ProxyInternals,
  proxyInternals,
} from "../runtime/manager-internals.js";
import { type Listening, listenForHosts, listenForHostsOnSocket, listenForProbes } from "./listeners.js";
import { assertLocalToken, generateToken, tokenComparison } from "./local-token.js";
import { Metrics } from "./metrics.js";
import { statusesOf } from "./operations.js";
import type { CommandOptions, McpProxy, ProxyOptions } from "./options.js";
import { peerUsers } from "./peer-user.js";
import { RequestHandler } from "./request-handler.js";
import { ProxyState } from "./state.js";
import { History } from "./status/history.js";
import { ReadinessLog, rarely } from "./status/readiness.js";
import { StatusPage } from "./status/status-page.js";
import { createUpstream } from "./upstream-fetch.js";

/** The address of the command, if neither an option nor the config names one. It stays the same between runs. */
const commandAddress: ListenAddress = { host: "127.0.0.1", port: 8484 };

/** Milliseconds that requests in progress have to end. With the rest of a stop, they stay within ten seconds. */
const stopGrace = 8_000;

/** A proxy with what only the command needs. */
export interface CreatedProxy<Name extends string> extends McpProxy<Name> {
  /** Such as "http://127.0.0.1:8484"; `undefined` if the proxy listens only on a socket. */
  readonly origin: string | undefined;
  readonly socket: string | undefined;
  /** Where probes are answered. */
  readonly health: string | undefined;
}

export type CreateOptions<Name extends string> = ProxyOptions<Name> & CommandOptions;

/** Creates a proxy for `startProxy` and for the command. */
export async function createProxy<Name extends string>(
  auth: McpAuth<Name>,
  options: CreateOptions<Name>,
): Promise<CreatedProxy<Name>> {
  const internals = internalsOfAuth(auth);
  assertPlatform();
  const {
    isCommand = false,
    isStarted = () => true,
    onWarning,
    onOutcome = () => {},
    onRefusal = () => {},
  } = options;
  const served = servedNames(auth, options.servers);
  const { listen, socket } = placesToListen(options, internals);
  const health = options.health === undefined ? undefined : parsedAddress(options.health, "--health");
  // The config was checked when it was loaded, but a link may have been put into the path since.
  if (socket !== undefined && socket === internals.settings.socket && !(await internals.mayUse(socket))) {
    throw misuse(
      "`allow.files` does not include the socket of the proxy. Add it there, or name another path.",
    );
  }
  const state = isCommand ? stateOf(internals) : undefined;
  const localToken = await chooseLocalToken(options, internals, state);
  const operatingToken = await (state?.token("operating").catch(warnInstead(onWarning)) ?? undefined);

  const upstream = createUpstream();
  const metrics = new Metrics(internals, () => readiness());
  const isServed = (name: string): boolean => (served === undefined ? auth.has(name) : served.has(name));
  const statuses = () => statusesOf(auth, isServed);
  const startedAt = Date.now();
  const history = new History(auth, isServed, systemClock.now);
  const canUseOne = rarely(
    () => isReady(statuses()),
    () => auth.servers.length,
    systemClock.now,
  );
  const isReadyNow = (): boolean => !handler.isStopping && isStarted() && canUseOne();
  const readinessLog = new ReadinessLog(isReadyNow, internals.store, history, systemClock);
  const readiness = (): boolean => readinessLog.look().ready;
  const statusPage = new StatusPage({
    ...{ clock: systemClock, statuses, history, startedAt, store: internals.store },
    readiness: () => readinessLog.look(),
  });
  const handler: RequestHandler = new RequestHandler({
    ...{ upstream, isServed, onOutcome, onRefusal },
    onCall: (server, outcome) => noteCall(history, server, outcome),
    manager: (name) => managerOf(auth, name, isServed),
    isLocalToken: tokenComparison(localToken),
    operations: {
      ...{ statuses, metrics, readiness, startedAt, statusPage },
      isOperatingToken: tokenComparison(operatingToken ?? generateToken()),
    },
    peers: options.anyUser === true ? undefined : peerUsers(),
  });
  const servers: Listening[] = [];
  const open = async <T extends Listening>(opened: Promise<T> | undefined): Promise<T | undefined> => {
    const server = await opened;
    if (server !== undefined) servers.push(server);
    return server;
  };
  const close = async (grace: number): Promise<void> => {
    const closed = servers.map((server) => server.close());
    statusPage.stop();
    await handler.stop(grace);
    for (const server of servers) server.destroy();
    await Promise.all(closed);
    metrics.stop();
    readinessLog.stop();
    history.stop();
    await upstream.close();
  };
  try {
    const tcp = await open(listen && listenForHosts(handler, listen, isCommand));
    await open(socket === undefined ? undefined : listenForHostsOnSocket(handler, socket, isCommand));
    const probes = await open(health && listenForProbes(readiness, health, isCommand));
    const origin = tcp?.origin;
    const running = { pid: process.pid, ...(origin && { origin }), ...(socket && { socket }) };
    await state?.noteRunning(running).catch(warnInstead(onWarning));
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await close(stopGrace);
      await state?.noteStopped().catch(warnInstead(onWarning));
    };
    const url = (name: Name): string => {
      managerOf(auth, name, isServed);
      if (origin === undefined)
        throw misuse("This proxy listens only on a unix socket, so it has no URL. Set `listen`.");
      return `${origin}/${localToken}/${name}`;
    };
    return {
      ...{ origin, socket, health: probes?.origin, url },
      mcpServers(names = auth.servers.filter(isServed)) {
        return Object.fromEntries(names.map((name) => [name, { type: "http", url: url(name) }]));
      },
      stop() {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Codes of failed requests that say nothing about the server. */
const notOfServer: ReadonlySet<string> = new Set(["egress_denied", "unknown_server", "stopped", "aborted"]);

function noteCall(
  history: History,
  server: string,
  outcome: { readonly status: number } | McpAuthError,
): void {
  if (!(outcome instanceof McpAuthError))
    history.noteCall(server, outcome.status >= 500 ? { code: "5xx" } : undefined);
  else if (!notOfServer.has(outcome.code)) history.noteCall(server, outcome);
}

/** Whether a server has a token, or gets one on demand. The other servers may fail for good. */
function isReady(statuses: ReturnType<typeof statusesOf>): boolean {
  const isUsable = ({ state, lastError }: TokenManagerStatus): boolean =>
    ["fresh", "stale", "asleep"].includes(state) || (state === "none" && lastError === undefined);
  return statuses.length === 0 || statuses.some(isUsable);
}

function warnInstead(onWarning: CommandOptions["onWarning"]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof McpAuthError)) throw error;
    onWarning?.(error);
    return undefined;
  };
}

/** Returns the names to serve, `undefined` for all. Throws `unknown_server`. */
function servedNames<Name extends string>(
  auth: McpAuth<Name>,
  names: readonly Name[] | undefined,
): ReadonlySet<string> | undefined {
  if (names === undefined) return undefined;
  for (const name of names) auth.resolve(name);
  return new Set(names);
}

function managerOf<Name extends string>(
  auth: McpAuth<Name>,
  name: string,
  isServed: (name: string) => boolean,
): TokenManager {
  if (auth.has(name) && !isServed(name)) {
    throw new McpAuthError(
      "unknown_server",
      `This proxy does not serve the server "${name}". Name it when you start the proxy.`,
      { server: name },
    );
  }
  // A name that the config does not have: throws the error with the names that it has.
  return auth.resolve(name as Name);
}

interface Places {
  readonly listen: ListenAddress | undefined;
  readonly socket: string | undefined;
}

/** Options win over the config. If one of them names any place, only those places count. */
export function placesToListen(
  { listen, socket, isCommand = false }: ProxyOptions & CommandOptions,
  { settings }: Pick<ProxyInternals, "settings">,
): Places {
  if (listen !== undefined || socket !== undefined) {
    const address = listen === undefined ? undefined : parsedAddress(listen, "--listen");
    if (address !== undefined && !isLoopbackAddress(address.host)) throw notLoopback(address.host);
    return { listen: address, socket: socket === undefined ? undefined : resolve(socket) };
  }
  if (settings.listen !== undefined || settings.socket !== undefined) {
    return { listen: settings.listen, socket: settings.socket };
  }
  return { listen: isCommand ? commandAddress : { ...commandAddress, port: 0 }, socket: undefined };
}

function parsedAddress(text: string, option: string): ListenAddress {
  const address = parseListenAddress(text);
  if (address !== undefined) return address;
  throw misuse(
    `${option} ${printable(text)} is no IP address with a port. Write, for example, ${option} 127.0.0.1:8484.`,
  );
}

function notLoopback(host: string): McpAuthError {
  return misuse(
    `The proxy does not listen on ${printable(host)}, because every machine that reaches it could use your servers: ` +
      "choose 127.0.0.1 or [::1].",
  );
}

/** Returns the token for hosts: that of the options, of the config, of an earlier run, or a new one. */
export async function chooseLocalToken(
  { token }: Pick<ProxyOptions, "token">,
  { readToken }: Pick<ProxyInternals, "readToken">,
  state: ProxyState | undefined,
): Promise<string> {
  const given = token ?? (await readToken())?.reveal();
  if (given === undefined) return (await state?.token("local")) ?? generateToken();
  assertLocalToken(given);
  return given;
}

export function stateOf({ file, env }: ProxyInternals): ProxyState {
  return new ProxyState(file ?? process.cwd(), env);
}

/** Checks the argument, because JavaScript code can pass anything. Throws the failure of the section `proxy`. */
export function internalsOfAuth(auth: object): ProxyInternals {
  // Only objects of this package have the symbol. The check below rejects anything else.
  const { [proxyInternals]: internals } = Object(auth) as Partial<McpAuthWithInternals>;
  if (internals === undefined)
    throw misuse("startProxy() requires the object that createMcpAuth() returned.");
  if (internals.settings.failure !== undefined) throw internals.settings.failure;
  return internals;
}

function assertPlatform(): void {
  const runtime = jsRuntime();
  if (runtime !== "Node.js")
    throw misuse(`The proxy needs Node.js: it does not work on ${runtime}. Run it with node or npx.`);
}

function misuse(message: string): McpAuthError {
  return new McpAuthError("config_invalid", message);
}
