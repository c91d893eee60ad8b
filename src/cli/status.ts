import { McpAuthError } from "../index.js";
import { printable } from "../lib/printable.js";
import { askStatus, assertOurListener, type ReportedStatus, type ServerStatus } from "../proxy/ask-status.js";
import { internalsOfAuth, stateOf } from "../proxy/create-proxy.js";
import type { RunningProxy } from "../proxy/state.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { UsageError } from "./options.js";
import { table } from "./table.js";
import { withRuntime } from "./with-runtime.js";

/** `status`: asks the proxy of the config. Exit code 4 if none is running, and if it is not ready. */
export const status = defineCommand({
  description:
    "Shows the state of every server of the running proxy: its token, when the token is renewed, and the last error.",
  options: {
    json: { type: "boolean", help: "print an object: address, version, pid, startedAt, ready, servers" },
    url: { type: "boolean", help: "print the address of the status page, with the token that opens it" },
  },
  notes: `
    The address of the status page contains a token after the "#". Browsers do not send that part, but anyone who has it
    and reaches the proxy can read the status.

    Exit code 4: no proxy of this config is running, or it is not ready, because none of its servers has a usable token.`,
  examples: [
    ["status", "a table"],
    ["status --json", "for scripts"],
    ["status --url", "to open in a browser"],
  ],
  async run({ values }, io) {
    if (values.json === true && values.url === true)
      throw new UsageError("--json and --url exclude each other: choose one of them.");
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
      if (values.url === true) {
        io.print.result(await pageUrl(running, token));
        return exitCodes.done;
      }
      const reported = await io.waitFor("Asking the proxy", askStatus(running, token, io.signal));
      const address = running.origin ?? running.socket;
      if (values.json === true) io.print.json({ address, ...reported }, 2);
      else io.print.result(statusText(running, reported));
      return reported.ready ? exitCodes.done : exitCodes.unreachable;
    });
  },
});

/** Returns the address of the status page. The token is in the fragment, which a browser does not send. */
async function pageUrl({ origin }: RunningProxy, token: string): Promise<string> {
  if (origin === undefined) {
    throw new UsageError(
      "The proxy listens only on a unix socket, which a browser cannot open. Start it with --listen 127.0.0.1:8484 too.",
    );
  }
  // Another user must not get the token by listening on the port of a proxy that has died.
  await assertOurListener(origin);
  return `${origin}/-/status#${token}`;
}

function statusText({ origin, socket }: RunningProxy, { ready, startedAt, servers }: ReportedStatus): string {
  const places = [origin, socket].flatMap((place) => (place === undefined ? [] : printable(place)));
  const since = new Date(startedAt).toISOString();
  const rows = servers.map(({ server, state, expiresAt, nextRefreshAt, rejectedAt, lastError }) => [
    ...[
      server,
      rejectedAt === undefined ? state : `${state}, refused`,
      timeUntil(expiresAt),
      timeUntil(nextRefreshAt),
      lastError?.code ?? "",
    ],
  ]);
  return [
    `The proxy on ${places.join(" and ")} is ${ready ? "ready" : "not ready"}, since ${since}.`,
    table([["server", "state", "expires", "renewal", "last error"], ...rows]),
    ...servers.flatMap(errorLine),
  ].join("\n");
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
