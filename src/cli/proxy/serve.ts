import type { McpAuth } from "../../index.js";
import { onAbort } from "../../lib/abort-signal.js";
import { systemClock } from "../../lib/clock.js";
import { printable, someOf } from "../../lib/printable.js";
import { pause } from "../../lib/wait.js";
import { type CreateOptions, createProxy, internalsOfAuth, stateOf } from "../../proxy/create-proxy.js";
import type { CommonValues } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { withRuntime } from "../with-runtime.js";
import { reportFailures, reportRefusals } from "./reports.js";

export interface ServeOptions extends CreateOptions<string> {
  /** Replace the local token. */
  readonly newToken: boolean;
}

/** Milliseconds after the interrupt. From then on, requests get no new token, and those in flight have five seconds. */
const runtimeStopsAfter = 4_000;

/** Serves until the command is interrupted. */
export async function serve(
  { newToken, ...options }: ServeOptions,
  values: CommonValues,
  io: CommandIo,
): Promise<number> {
  const { print, signal } = io;
  // The runtime is stopped in the normal way, so that a new refresh token is still written.
  const never = new AbortController().signal;
  const work = async (auth: McpAuth): Promise<number> => {
    if (newToken) await replaceLocalToken(auth);
    const onRefusal = reportRefusals(print, systemClock);
    let started = false;
    const proxy = await createProxy(auth, {
      ...{ ...options, isCommand: true, isStarted: () => started },
      ...{ onRefusal, onOutcome: reportFailures(auth, print, onRefusal, systemClock) },
      onWarning: ({ message }) => print.note(`warning: ${message}`),
    });
    io.stopByItself();
    const places = [proxy.origin, proxy.socket].flatMap((place) => place ?? []);
    for (const place of places) print.result(printable(place));
    print.note(`Serving ${someOf(options.servers ?? auth.servers)}. Stop with Ctrl+C.`);
    print.note("Print the settings of a host: npx mcp-auth-runtime proxy --print HOST");
    if (proxy.origin !== undefined)
      print.note("See the state of every token in a browser: npx mcp-auth-runtime status --url");
    startServers(auth, options.servers, () => {
      started = true;
    });
    await new Promise<void>((resolve) => onAbort(signal, resolve));
    const stopped = proxy.stop();
    // Both have a grace of their own. One after the other, they would take longer than ten seconds.
    await Promise.race([stopped, pause(runtimeStopsAfter, { clock: systemClock, unref: true })]);
    await Promise.all([stopped, auth.stop()]);
    return exitCodes.done;
  };
  return await withRuntime(io, values, work, never);
}

/** Gets the first tokens. Failures are reported as events, and the next call tries again. */
function startServers(auth: McpAuth, names: readonly string[] | undefined, onStarted: () => void): void {
  const started = names === undefined ? [auth.start()] : names.map((name) => auth.resolve(name).getToken());
  Promise.allSettled(started).then(onStarted, onStarted);
}

export async function replaceLocalToken(auth: McpAuth): Promise<void> {
  const internals = internalsOfAuth(auth);
  if (internals.settings.token !== undefined) {
    throw new UsageError('The local token is the "token" under "proxy" in the config. Replace it there.');
  }
  await stateOf(internals).replaceToken("local");
}
