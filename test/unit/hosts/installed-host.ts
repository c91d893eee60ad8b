import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.js";

/** Makes a program look like one beside which only these packages are installed, until the test ends. */
export async function installHosts(versions: Readonly<Record<string, string>>): Promise<void> {
  const project = await temporaryFolder();
  for (const [name, version] of Object.entries(versions)) {
    const folder = join(project, "node_modules", name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ name, version }));
  }
  const { argv } = process;
  process.argv = [process.execPath, join(project, "agent.mjs")];
  const cwd = vi.spyOn(process, "cwd").mockReturnValue(project);
  onTestFinished(() => {
    process.argv = argv;
    cwd.mockRestore();
  });
}
