import type { McpAuth } from "../../index.js";
import { chooseLocalToken, internalsOfAuth, placesToListen, stateOf } from "../../proxy/create-proxy.js";
import { type HostName, hostSettings, type ProxyAccess } from "../../proxy/host-settings/host-settings.js";
import { authorityOf } from "../../proxy/tcp.js";
import type { CommonValues } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { withRuntime } from "../with-runtime.js";
import { replaceLocalToken, type ServeOptions } from "./serve.js";

/** Prints the settings of a host: those on stdout, and where they go on stderr. */
export async function printSettings(
  host: HostName,
  options: ServeOptions,
  values: CommonValues,
  io: CommandIo,
): Promise<number> {
  return await withRuntime(io, values, async (auth) => {
    if (options.newToken) await replaceLocalToken(auth);
    const names = options.servers ?? auth.servers;
    for (const name of names) auth.resolve(name);
    const { text, notes } = hostSettings(host, names, await accessTo(auth, options));
    io.print.result(text);
    for (const note of notes) io.print.note(note);
    return exitCodes.done;
  });
}

/** Returns how the proxy is reached: where it runs now, or else where it will. */
async function accessTo(auth: McpAuth, options: ServeOptions): Promise<ProxyAccess> {
  const internals = internalsOfAuth(auth);
  const state = stateOf(internals);
  const isNamed = options.listen !== undefined || options.socket !== undefined;
  const running = isNamed ? undefined : await state.running();
  const planned = placesToListen({ ...options, isCommand: true }, internals);
  const socket = running === undefined ? planned.socket : running.socket;
  const origin = running === undefined ? originOf(planned.listen) : running.origin;
  const token = origin === undefined ? undefined : await chooseLocalToken(options, internals, state);
  return {
    ...(socket !== undefined && { socket }),
    ...(origin !== undefined && { origin }),
    ...(token !== undefined && { token }),
  };
}

function originOf(listen: ReturnType<typeof placesToListen>["listen"]): string | undefined {
  if (listen === undefined) return undefined;
  if (listen.port !== 0) return `http://${authorityOf(listen)}`;
  throw new UsageError(
    "With port 0, the port is known only while the proxy runs. Start it first, or name a port.",
  );
}
