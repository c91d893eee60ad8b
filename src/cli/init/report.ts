import { dirname, join, relative, resolve } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { fileExists } from "../../config/file-system.js";
import { printable } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import type { NeededFile } from "../discovery/suggested-server.js";
import type { CommandIo } from "../io.js";
import { addToEnvExample, type NeededVariable } from "./env-example.js";
import type { Target } from "./find-target.js";
import { mayCommitEnv } from "./git-ignores.js";
import type { Plan } from "./plan.js";

/**
 * Writes the names of the variables to `.env.example`, and prints what was written and what to do next.
 */
export async function report(
  io: CommandIo,
  cwd: string,
  target: Target,
  plan: Plan,
  config: string | undefined,
): Promise<void> {
  const { print } = io;
  const folder = dirname(target.file);
  const names = Object.keys(plan.servers);
  const shown = (file: string) => printable(relative(cwd, file) || file);
  print.result(`${target.isNew ? "Wrote" : "Added to"} ${shown(target.file)}: ${names.join(", ")}`);
  const { variables } = plan;
  const example = join(folder, ".env.example");
  if (variables.length > 0) {
    if (await addToEnvExample(example, variables))
      print.result(`${shown(example)} has the names of the variables`);
    else
      print.note(
        `warning: ${shown(example)} cannot be changed safely, so add these variables to it: ${list(variables)}`,
      );
  }
  const ofConfig = config === undefined ? "" : ` --config ${shellQuoted(config)}`;
  const [first = "SERVER"] = names;
  const fileOf = ({ path }: NeededFile) => resolve(folder, path);
  const exist = await Promise.all(plan.files.map((file) => fileExists(fileOf(file), asyncFileSystem)));
  const missing = plan.files.filter((_, index) => !exist[index]);
  const steps = [
    ...missing.map((file) => fileStep(file, shown(fileOf(file)))),
    ...variables.map(({ name, comment }) => `${setCommand(name)}    # ${comment}`),
    `npx mcp-auth-runtime token ${first}${ofConfig}`,
  ];
  print.result(`\nNext\n${steps.map((step) => `  ${step}`).join("\n")}`);
  if (variables.length > 0) {
    print.result(`Or write the values to a file such as .env, and add --env-file .env`);
    if (await mayCommitEnv(folder))
      print.note("warning: .gitignore does not have .env. Add it before you write a secret there.");
  }
  print.result(`If that fails: npx mcp-auth-runtime doctor ${first}${ofConfig}`);
}

function fileStep({ holds }: NeededFile, shown: string): string {
  if (holds !== "a key that signs") return `put ${holds} into ${shown}`;
  return `npx mcp-auth-runtime keys generate ${shellQuoted(shown)}    # or put the key of the client there`;
}

function setCommand(name: string): string {
  if (process.platform === "win32") return `$env:${name} = Read-Host`;
  return name.endsWith("_CLIENT_ID") ? `export ${name}=…` : `read -rs ${name} && export ${name}`;
}

function list(variables: readonly NeededVariable[]): string {
  return variables.map(({ name }) => name).join(", ");
}
