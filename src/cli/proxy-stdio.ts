import { bridgeStdio } from "../proxy/stdio/bridge.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { withRuntime } from "./with-runtime.js";

/** Serves one server on stdin and stdout, until the host closes stdin or the command is interrupted. */
export async function serveStdio(
  server: string,
  common: Parameters<typeof withRuntime>[1],
  io: CommandIo,
): Promise<number> {
  const { print, signal } = io;
  const streams = io.stdio?.() ?? { input: process.stdin, output: process.stdout };
  const never = new AbortController().signal;
  return await withRuntime(
    io,
    common,
    async (auth) => {
      const manager = auth.resolve(server);
      io.stopByItself();
      await bridgeStdio({ manager, ...streams, onNotice: (line) => print.note(line), signal });
      return exitCodes.done;
    },
    never,
  );
}
