import { McpAuthError } from "../index.js";
import { printable } from "../lib/printable.js";
import { askStatus, type ReportedStatus, type ServerStatus } from "../proxy/ask-status.js";
import { internalsOfAuth, stateOf } from "../proxy/create-proxy.js";
import type { RunningProxy } from "../proxy/state.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime status [--json] [--config FILE] [--env-file FILE]

Shows the state of every server of the running proxy: its token, when the token is renewed, and the last error.

  --json    an object: address, pid, startedAt, ready, servers
`;

/** `status`: asks the proxy of the config. Exit code 4 if none is running. */
export async function status(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, { json: { type: "boolean" } });
  if (values.help === true) {
    io.print.result(help);
    return exitCodes.done;
  }
  if (positionals.length > 0)
    throw new UsageError("status takes no argument. Name the config with --config FILE");
  return await withRuntime(io, values, async (auth) => {
    const state = stateOf(internalsOfAuth(auth));
    const running = await state.running();
    const token = await state.findToken("operating");
    if (running === undefined || token === undefined) {
      throw new McpAuthError(
        "unavailable",
        "No proxy of this config is running. Start it: npx mcp-auth-runtime proxy",
        { retryable: true },
      );
    }
    const reported = await askStatus(running, token, io.signal);
    const address = running.origin ?? running.socket;
    if (values.json === true) io.print.json({ address, ...reported }, 2);
    else for (const line of statusLines(running, reported)) io.print.result(line);
    return exitCodes.done;
  });
}

function statusLines(
  { origin, socket }: RunningProxy,
  { ready, startedAt, servers }: ReportedStatus,
): readonly string[] {
  const places = [origin, socket].flatMap((place) => (place === undefined ? [] : printable(place)));
  const since = new Date(startedAt).toISOString();
  const rows = servers.map((server) => [
    printable(server.server),
    printable(server.state),
    timeUntil(server.expiresAt),
    timeUntil(server.nextRefreshAt),
    printable(server.lastError?.code ?? ""),
  ]);
  const table = [["server", "state", "expires", "renewal", "last error"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [
    `The proxy on ${places.join(" and ")} is ${ready ? "ready" : "not ready"}, since ${since}.`,
    ...lines,
    ...servers.flatMap(errorLine),
  ];
}

function errorLine({ lastError }: ServerStatus): readonly string[] {
  return lastError === undefined ? [] : [printable(lastError.message)];
}

/** Returns a time relative to now, such as "in 5 min". */
function timeUntil(time: number | undefined): string {
  if (time === undefined) return "-";
  const seconds = Math.round((time - Date.now()) / 1_000);
  const amount = Math.abs(seconds);
  const text =
    amount < 120
      ? `${amount} s`
      : amount < 7_200
        ? `${Math.round(amount / 60)} min`
        : `${Math.round(amount / 3_600)} h`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}
