// Runs `doctor` in this process, and reads what it says.
import type { McpAuthConfig } from "../../src/index.js";
import { type CommandResult, command, project } from "../unit/cli/command.js";

/** What a test needs to know about servers. */
export interface Diagnosed {
  readonly config: McpAuthConfig<string> | object;
  readonly env: Readonly<Record<string, string>>;
}

export interface Step {
  readonly step: string;
  readonly verdict: "pass" | "warn" | "fail" | "skip";
  readonly ms: number;
  readonly message: string;
  readonly finding?: string;
  readonly code?: string;
  readonly details?: Readonly<Record<string, string | readonly string[]>>;
  readonly more?: readonly string[];
}

interface Todo {
  readonly finding?: string;
  readonly text: string;
}

/** What `--try` adds to a server that fails. */
export interface TriedChanges {
  readonly tried?: readonly {
    readonly change: string;
    readonly verdict: "works" | "fails";
    readonly code?: string;
    readonly oauthError?: string;
  }[];
  readonly works?: {
    readonly pointer: string;
    readonly value?: unknown;
    readonly file?: string;
    readonly line?: number;
    readonly remedy?: string;
    readonly replaces: boolean;
    readonly alsoAffects?: readonly string[];
  };
  readonly note?: string;
}

export interface ServerDiagnosis extends TriedChanges {
  readonly server: string;
  readonly ok: boolean;
  readonly steps: readonly Step[];
  readonly todo?: Todo;
}

export interface Diagnosis {
  readonly ok: boolean;
  readonly shared: readonly Step[];
  readonly todo?: Todo;
  readonly servers: readonly ServerDiagnosis[];
}

/** Runs `doctor` with a config in a folder of its own. */
export async function runDoctor(
  { config, env }: Diagnosed,
  args: readonly string[] = [],
): Promise<CommandResult> {
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
  return await command(["doctor", ...args], { cwd, env });
}

export interface DoctorResult {
  readonly code: number;
  readonly report: Diagnosis;
  /** Of the only server, or of the first one. */
  readonly server: ServerDiagnosis;
  /** The steps of that server that did not pass, as `verdict step: finding`. */
  readonly blamed: readonly string[];
}

/** Runs `doctor --json` and returns its report. */
export async function diagnose(world: Diagnosed, args: readonly string[] = []): Promise<DoctorResult> {
  const { code, out, err } = await runDoctor(world, ["--json", ...args]);
  if (out === "") throw new Error(`doctor printed nothing: ${err}`);
  // The command prints it in this form.
  const report = JSON.parse(out) as Diagnosis;
  const [server = { server: "", ok: false, steps: [] }] = report.servers;
  return { code, report, server, blamed: blamedIn(server.steps) };
}

export function blamedIn(steps: readonly Step[]): readonly string[] {
  return steps
    .filter(({ verdict }) => verdict !== "pass" && verdict !== "skip")
    .map(({ step, verdict, finding = "" }) => `${verdict} ${step}: ${finding}`);
}

export function stepOf(steps: readonly Step[], name: string): Step {
  const found = steps.find(({ step }) => step === name);
  if (found === undefined) throw new Error(`There is no step ${name}.`);
  return found;
}
