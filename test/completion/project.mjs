// A folder with configs, files with odd names, and a command in `bin` that completes as ours does, and otherwise prints
// its arguments.
import { chmod, mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export async function createProject() {
  const folder = await mkdtemp(join(tmpdir(), "completion-"));
  const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
  const spring = "touch ran";
  const oddFile = `odd$(${spring}).json`;
  const write = (name, servers) =>
    writeFile(
      join(folder, name),
      JSON.stringify({ servers: Object.fromEntries(servers.map((each) => [each, {}])) }),
    );
  await mkdir(join(folder, ".git"));
  await mkdir(join(folder, "bin"));
  await write("mcp-auth.config.json", ["crm", "billing"]);
  await write("other.json", ["sales"]);
  await write("my config.json", []);
  await write(oddFile, []);
  await write("hostile.json", [
    `$(${spring})`,
    `\`${spring}\``,
    `a;${spring}`,
    `(${spring})`,
    "a'b",
    "a b",
    "*",
  ]);
  const program = join(folder, "bin", "mcp-auth-runtime");
  await writeFile(
    program,
    `#!/bin/sh\n[ "$1" = complete ] && exec "${process.execPath}" -- "${cli}" "$@"\nprintf 'ARG<%s>\\n' "$@"\n`,
  );
  await chmod(program, 0o755);
  await symlink("mcp-auth-runtime", join(folder, "bin", "mcp-auth"));
  return { folder, cli, spring, oddFile, trap: join(folder, "ran") };
}
