import { type CheckedConfig, checkConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { type Inspection, inspectConfig } from "../runtime/inspection.js";
import { defineCommand } from "./define-command.js";
import { checkServers } from "./doctor/check-servers.js";
import {
  exitCodeFor,
  firstFailure,
  isFlawOfSecret,
  printEnd,
  printServer,
  printShared,
  type ServerReport,
  toJson,
} from "./doctor/report.js";
import { timed } from "./doctor/run-steps.js";
import type { StepResult } from "./doctor/server-check.js";
import { checkDoctorConfig, checkStore } from "./doctor/shared-steps.js";
import type { FailedStep, InspectedConfig } from "./doctor/try-remedies.js";
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
      const all = { config: checked, inspection };
      const tryFor = tries
        ? tryFailures(all, io)
        : suggestToTry(all, { config: values.config, envFile: values["env-file"] });
      const folder = checked.document?.folder;
      return await checkAll(spec, inspection, { configStep, folder, names: args, env, json, io, tryFor });
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
  /** The folder of the config. */
  readonly folder: string | undefined;
  /** The servers to check; all if it is empty. */
  readonly names: readonly string[];
  readonly env: CommandIo["env"];
  readonly json: boolean;
  readonly io: CommandIo;
  /** Adds to a report what was tried, or that something can be. */
  readonly tryFor: (report: ServerReport) => Promise<ServerReport>;
}

async function checkAll(
  spec: ConfigSpec,
  inspection: Inspection,
  { configStep, folder, names, env, json, io, tryFor }: Options,
): Promise<number> {
  const { signal, print } = io;
  const chosen = names.length === 0 ? spec.servers.names : [...new Set(names)];
  const reports = checkServers(inspection, chosen, { cwd: io.cwd, env, signal });
  // The first one that fails is thrown below. Nobody may await the others then.
  for (const each of reports) each.catch(() => {});
  const storeStep = timed(
    "store",
    () => checkStore(spec.store, inspection.store, { env, envFilesIn: folder, signal }),
    {
      signal,
      limit: limitOfShared,
    },
  );
  const shared = [configStep, await io.waitFor("Checking the store", storeStep)];
  if (!json) printShared(shared, print);
  const done: ServerReport[] = [];
  for (const [index, pending] of reports.entries()) {
    const checked = await io.waitFor(`Checking ${chosen[index] ?? ""}`, pending);
    const finished = await tryFor(checked);
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
    const failed = firstFailure(report.steps);
    if (failed === undefined) return report;
    const { nothingToTry, tryRemedies } = await import("./doctor/try-remedies.js");
    const failure = causeOf(failed);
    if (failure === undefined) return { ...report, tried: nothingToTry };
    return { ...report, tried: await tryRemedies(checked, report.server, failure, io) };
  };
}

/** The options of the command line that find the same config again. */
interface SameConfig {
  readonly config: string | undefined;
  readonly envFile: readonly string[] | undefined;
}

/** Adds the command that tries a remedy, where there is something to try. */
function suggestToTry(
  checked: InspectedConfig,
  { config, envFile = [] }: SameConfig,
): (report: ServerReport) => Promise<ServerReport> {
  const named = config === undefined ? [] : ["--config", shellQuoted(config)];
  const loaded = envFile.flatMap((file) => ["--env-file", shellQuoted(file)]);
  return async (report) => {
    const failed = firstFailure(report.steps);
    const failure = failed && causeOf(failed);
    // A flaw of a secret is to be removed first: it can be seen.
    if (failure === undefined || isFlawOfSecret(failed?.finding)) return report;
    const { hasTrials } = await import("./doctor/try-remedies.js");
    if (!hasTrials(checked, report.server, failure)) return report;
    const words = ["npx mcp-auth-runtime doctor", report.server, ...named, ...loaded, "--try"];
    return { ...report, tryCommand: words.join(" ") };
  };
}

function causeOf({ step, error, code }: StepResult): FailedStep | undefined {
  return error && { error, refusedByServer: step === "call" && code === "unauthorized" };
}

/** Prints the reports as JSON, or else the end of what has been printed one by one. Returns the exit code. */
function finish(
  shared: readonly StepResult[],
  servers: readonly ServerReport[],
  { json, io }: Pick<Options, "json" | "io">,
): number {
  if (json) io.print.json(toJson(shared, servers), 2);
  else printEnd(shared, servers, io.print);
  return exitCodeFor([...shared, ...servers.flatMap(({ steps }) => steps)]);
}
