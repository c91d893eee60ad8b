import { type CheckedConfig, checkConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { type Inspection, inspectConfig } from "../runtime/inspection.js";
import { defineCommand } from "./define-command.js";
import { checkServers } from "./doctor/check-servers.js";
import {
  exitCodeFor,
  firstFailure,
  printServer,
  printShared,
  type ServerReport,
  toJson,
} from "./doctor/report.js";
import { timed } from "./doctor/run-steps.js";
import type { StepResult } from "./doctor/server-check.js";
import { checkDoctorConfig, checkStore } from "./doctor/shared-steps.js";
import type { InspectedConfig } from "./doctor/try-remedies.js";
import type { CommandIo } from "./io.js";
import { loadOptions } from "./options.js";

/** `doctor [SERVER…]`: checks each step from the config to an MCP request. The exit code is that of the first failure. */
export const doctor = defineCommand({
  args: [{ name: "SERVER", is: "server", optional: true, many: true }],
  description: `
    Checks each step from the config to an MCP request, for the named servers or for all, and says what to do about the
    first one that fails. It requests a token as the config says, and calls initialize and tools/list with it. It calls
    no tool, and stores nothing but a rotated refresh token.`,
  options: {
    json: { type: "boolean", help: "print an object: ok, shared, todo, servers" },
    try: { type: "boolean", help: "try likely changes of the config, and print the one that works" },
  },
  notes: `
    --try sends at most eight more token requests for a server, one after the other, to the token endpoint that the
    config has, and stops at the first change that works, or when a server asks to wait. It changes no file. Some
    authorization servers lock a client after a number of refused requests.

    Exit code: that of the first failure. 0 if there are only warnings.`,
  examples: [
    ["doctor", "all servers of the config"],
    ["doctor crm --env-file .env", "one server, with the variables of a file"],
    ["doctor crm --try", "also find out which change of the config works"],
    ["doctor --json", "for a script"],
  ],
  async run({ values, args }, io) {
    const { json = false, try: tries = false } = values;
    const { signal } = io;
    const options = await loadOptions(io, values);
    const { env } = options;
    let checked: CheckedConfig | undefined;
    const configStep = await timed(
      "config",
      async () => {
        checked = await checkConfig(options);
        return await checkDoctorConfig(checked, { cwd: io.cwd, env });
      },
      { signal, limit: limitOfShared },
    );
    // Without a config that can be read, no server is known.
    const { spec } = checked ?? {};
    if (checked === undefined || spec === undefined) {
      if (!json) printShared([configStep], io.print);
      return finish([configStep], [], { json, io });
    }
    const inspection = inspectConfig(spec, { env });
    try {
      const tryFor = tries ? tryFailures({ config: checked, inspection }, io) : undefined;
      return await checkAll(spec, inspection, { configStep, names: args, env, json, io, tryFor });
    } finally {
      const closed = inspection.close();
      // Does not wait for pending work after an interrupt.
      if (signal.aborted) io.abandon?.();
      else await closed;
    }
  },
});

/** Milliseconds for a step that all servers share. */
const limitOfShared = 15_000;

interface Options {
  readonly configStep: StepResult;
  /** The servers to check; all if it is empty. */
  readonly names: readonly string[];
  readonly env: CommandIo["env"];
  readonly json: boolean;
  readonly io: CommandIo;
  /** Adds to a report what was tried. Absent without `--try`. */
  readonly tryFor?: ((report: ServerReport) => Promise<ServerReport>) | undefined;
}

async function checkAll(
  spec: ConfigSpec,
  inspection: Inspection,
  { configStep, names, env, json, io, tryFor }: Options,
): Promise<number> {
  const { signal, print } = io;
  const chosen = names.length === 0 ? spec.servers.names : [...new Set(names)];
  const reports = checkServers(inspection, chosen, { cwd: io.cwd, env, signal });
  // The first one that fails is thrown below. Nobody may await the others then.
  for (const each of reports) each.catch(() => {});
  const storeStep = timed("store", () => checkStore(spec.store, inspection.store), {
    signal,
    limit: limitOfShared,
  });
  const shared = [configStep, await io.waitFor("Checking the store", storeStep)];
  if (!json) printShared(shared, print);
  const done: ServerReport[] = [];
  for (const [index, pending] of reports.entries()) {
    const checked = await io.waitFor(`Checking ${chosen[index] ?? ""}`, pending);
    const finished = (await tryFor?.(checked)) ?? checked;
    if (!json) printServer(finished, print, io.cwd);
    done.push(finished);
  }
  return finish(shared, done, { json, io });
}

/** One server after the other, because servers may share an authorization server. */
function tryFailures(
  checked: InspectedConfig,
  io: Pick<CommandIo, "signal" | "waitFor">,
): (report: ServerReport) => Promise<ServerReport> {
  return async (report) => {
    const { step, error, code, verdict } = firstFailure(report.steps) ?? {};
    if (verdict === undefined) return report;
    const { nothingToTry, tryRemedies } = await import("./doctor/try-remedies.js");
    if (error === undefined) return { ...report, tried: nothingToTry };
    const failure = { error, refusedByServer: step === "call" && code === "unauthorized" };
    return { ...report, tried: await tryRemedies(checked, report.server, failure, io) };
  };
}

/** Prints the reports as JSON, unless they have been printed one by one. Returns the exit code. */
function finish(
  shared: readonly StepResult[],
  servers: readonly ServerReport[],
  { json, io }: Pick<Options, "json" | "io">,
): number {
  if (json) io.print.json(toJson(shared, servers), 2);
  return exitCodeFor([...shared, ...servers.flatMap(({ steps }) => steps)]);
}
