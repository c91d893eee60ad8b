import type { McpAuth } from "../index.js";
import { onAbort } from "../lib/abort-signal.js";
import { printable, someOf } from "../lib/printable.js";
import { type CreateOptions, createProxy, internalsOfAuth, stateOf } from "../proxy/create-proxy.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

export interface ServeOptions extends CreateOptions<string> {
  /** Replace the local token. */
  readonly newToken: boolean;
}

type CommonOptions = Parameters<typeof withRuntime>[1];

/** Serves until the command is interrupted. */
export async function serve(
  { newToken, ...options }: ServeOptions,
  common: CommonOptions,
  io: CommandIo,
): Promise<number> {
  const { print, signal } = io;
  // The runtime is stopped in the normal way, so that a new refresh token is still written.
  const never = new AbortController().signal;
  const work = async (auth: McpAuth): Promise<number> => {
    if (newToken) await replaceLocalToken(auth);
    reportFailures(auth, io);
    const onWarning = ({ message }: Error) => print.note(`warning: ${message}`);
    const proxy = await createProxy(auth, { ...options, isCommand: true, onWarning });
    io.stopByItself();
    const places = [proxy.origin, proxy.socket].flatMap((place) => place ?? []);
    for (const place of places) print.result(printable(place));
    print.note(`Serving ${someOf(options.servers ?? auth.servers)}. Stop with Ctrl-C.`);
    print.note("Print the settings of a host: npx mcp-auth-runtime proxy --print HOST");
    startServers(auth, options.servers);
    await new Promise<void>((resolve) => onAbort(signal, resolve));
    await proxy.stop();
    return exitCodes.done;
  };
  return await withRuntime(io, common, work, never);
}

/** Gets the first tokens. Failures are reported as events, and the next call tries again. */
function startServers(auth: McpAuth, names: readonly string[] | undefined): void {
  const started = names === undefined ? [auth.start()] : names.map((name) => auth.resolve(name).getToken());
  Promise.allSettled(started).catch(() => {});
}

export async function replaceLocalToken(auth: McpAuth): Promise<void> {
  const internals = internalsOfAuth(auth);
  if (internals.settings.token !== undefined) {
    throw new UsageError('The local token is the "token" under "proxy" in the config. Replace it there');
  }
  await stateOf(internals).replaceToken("local");
}

/** Prints each failure of a server once, until the server has a new token. */
function reportFailures(auth: McpAuth, { print }: CommandIo): void {
  const printed = new Map<string, string>();
  const warn = (server: string, message: string | undefined): void => {
    if (message === undefined || printed.get(server) === message) return;
    printed.set(server, message);
    print.note(`warning: ${message}`);
  };
  auth.on("token:failed", ({ server, message }) => warn(server, message));
  auth.on("token:warning", ({ server, code, message }) => {
    // Another listener prints the other codes.
    if (code === "unauthorized") warn(server, message);
  });
  auth.on("token:renewed", ({ server }) => printed.delete(server));
}
