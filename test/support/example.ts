import { spawn } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What a command printed, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Copies a folder of `examples` as a reader would, without installing its packages: they are links to the built project
 * and to the packages that the project has. Deletes the copy when the test ends.
 */
export async function copyExample(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await cp(join(root, "examples", name), folder, { recursive: true });
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await symlink(root, join(modules, "mcp-auth-runtime"));
  await symlink(join(root, "dist/cli.js"), join(modules, ".bin/mcp-auth-runtime"));
  for (const name of ["@modelcontextprotocol", "redis"])
    await symlink(join(root, "node_modules", name), join(modules, name));
  return folder;
}

/** The variables of a process that starts `node` and `npx`, and nothing else of this process. */
export const plainEnvironment = {
  // The Node that runs the tests comes first.
  PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
  // npx must not ask its registry for anything.
  npm_config_offline: "true",
  npm_config_update_notifier: "false",
} as const;

/** Runs a program. Kills it when the test ends. */
export async function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Ended> {
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
