import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Creates a folder, whose path contains no link, and deletes it when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "mcp-auth-test-")));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
