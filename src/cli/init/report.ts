import { dirname, join, relative, resolve } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { fileExists } from "../../config/file-system.js";
import { printable } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import type { NeededFile } from "../discovery/suggested-server.js";
import type { CommandIo } from "../io.js";
import { describePlanned } from "./describe-planned.js";
import { addToEnvExample, type NeededVariable } from "./env-example.js";
import type { Target } from "./find-target.js";
import { addToGitIgnore, type IgnoreAdvice } from "./git-ignores.js";
import type { Plan } from "./plan.js";

export interface ReportOptions {
  readonly cwd: string;
  /** The path of `--config`. */
  readonly config: string | undefined;
  /** The lines that the person wants in `.gitignore`. */
  readonly ignore: IgnoreAdvice | undefined;
}

/**
 * Writes the names of the variables to `.env.example`, and prints what was written, what it does, and what to do next.
 */
export async function report(
  { print }: Pick<CommandIo, "print">,
  target: Target,
  plan: Plan,
  { cwd, config, ignore }: ReportOptions,
): Promise<void> {
  const { variables, planned } = plan;
  const folder = dirname(target.file);
  const names = planned.map(({ name }) => name);
  const pathOf = (file: string) => relative(cwd, file) || file;
  const shown = (file: string) => printable(pathOf(file));
  print.result(`${target.isNew ? "Wrote" : "Added to"} ${shown(target.file)}: ${names.join(", ")}`);
  for (const server of planned) print.result(describePlanned(server));
  const example = join(folder, ".env.example");
  const hasExample = variables.length > 0 && (await addToEnvExample(example, variables));
  if (hasExample) print.result(`${shown(example)} has the names of the variables`);
  else if (variables.length > 0) {
    print.note(
      `warning: ${shown(example)} cannot be changed safely, so add these variables to it: ${list(variables)}`,
    );
  }
  if (ignore !== undefined) {
    if (await addToGitIgnore(ignore))
      print.result(`${shown(ignore.file)} has ${ignore.lines.map(printable).join(" and ")}`);
    else print.note(`warning: ${shown(ignore.file)} cannot be changed safely`);
  }
  const exist = await Promise.all(
    plan.files.map(({ path }) => fileExists(resolve(folder, path), asyncFileSystem)),
  );
  const missing = plan.files.filter((_, index) => !exist[index]);
  const ofConfig = config === undefined ? "" : ` --config ${shellQuoted(config)}`;
  const env = pathOf(join(folder, ".env"));
  const ofEnv = variables.length === 0 ? "" : ` --env-file ${shellQuoted(env)}`;
  const [onlyName, another] = names;
  const doctor = another === undefined ? `doctor ${onlyName ?? ""}` : "doctor";
  const steps = [
    ...missing.flatMap((file) => fileSteps(file, shown(resolve(folder, file.path)), ofConfig + ofEnv)),
    ...(variables.length === 0 ? [] : [envStep(shown(env), variables)]),
    ...names.map((name) => `npx mcp-auth-runtime token ${name}${ofConfig}${ofEnv}`),
    `${agentCommand(config, variables.length === 0 ? undefined : env)}    # your agent`,
  ];
  print.result(`\nNext\n${steps.map((step) => `  ${step}`).join("\n")}`);
  if (variables.length > 0) print.result(`Without .env: ${setCommands(variables)}, and leave --env-file out`);
  print.result(`If that fails: npx mcp-auth-runtime ${doctor}${ofConfig}${ofEnv}`);
}

function fileSteps({ holds, user }: NeededFile, shown: string, options: string): readonly string[] {
  if (holds !== "a key that signs") return [`put ${holds} into ${shown}`];
  return [
    `npx mcp-auth-runtime keys generate ${shellQuoted(shown)}    # or put the key of the client there`,
    `npx mcp-auth-runtime keys jwks ${user}${options}    # the public key, to register at the authorization server`,
  ];
}

function envStep(env: string, variables: readonly NeededVariable[]): string {
  return `write the values into ${env}: ${variables.map(({ name }) => `${name}=…`).join(" and ")}`;
}

function agentCommand(config: string | undefined, env: string | undefined): string {
  const ofEnv = env === undefined ? "" : ` --env-file=${shellQuoted(env)}`;
  const command = `node${ofEnv} --import mcp-auth-runtime/register agent.mjs`;
  if (config === undefined) return command;
  return process.platform === "win32"
    ? `$env:MCP_AUTH_CONFIG = ${shellQuoted(config)}; ${command}`
    : `MCP_AUTH_CONFIG=${shellQuoted(config)} ${command}`;
}

/** More would not fit on a line. */
const mostCommands = 2;

function setCommands(variables: readonly NeededVariable[]): string {
  if (variables.length > mostCommands) return "set these variables in another way";
  return variables.map(({ name }) => setCommand(name)).join("; ");
}

function setCommand(name: string): string {
  if (process.platform === "win32") return `$env:${name} = Read-Host`;
  return name.endsWith("_CLIENT_ID") ? `export ${name}=…` : `read -rs ${name} && export ${name}`;
}

function list(variables: readonly NeededVariable[]): string {
  return variables.map(({ name }) => name).join(", ");
}
