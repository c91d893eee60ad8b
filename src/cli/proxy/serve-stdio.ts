import { McpAuthError } from "../../errors/error.js";
import type { McpAuth } from "../../index.js";
import { answerFailure } from "../../proxy/stdio/answer-failure.js";
import { bridgeStdio } from "../../proxy/stdio/bridge.js";
import type { CommonValues } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { withRuntime } from "../with-runtime.js";

/** Serves one server on stdin and stdout, until the host closes stdin or the command is interrupted. */
export async function serveStdio(server: string, values: CommonValues, io: CommandIo): Promise<number> {
  const { print, signal } = io;
  const streams = io.stdio?.() ?? { input: process.stdin, output: process.stdout };
  const never = new AbortController().signal;
  let isServing = false;
  const serve = async (auth: McpAuth): Promise<number> => {
    const manager = auth.resolve(server);
    io.stopByItself();
    isServing = true;
    await bridgeStdio({ manager, ...streams, onNotice: (line) => print.note(line), signal });
    return exitCodes.done;
  };
  try {
    return await withRuntime(io, values, serve, never);
  } catch (error) {
    // A person at a terminal sends no request.
    const isHost = !("isTTY" in streams.input && streams.input.isTTY);
    if (error instanceof McpAuthError && !isServing && isHost) await answerFailure(error, streams, signal);
    throw error;
  }
}
