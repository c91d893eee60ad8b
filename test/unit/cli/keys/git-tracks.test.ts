import { execFileSync } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitTracks } from "../../../../src/cli/keys/git-tracks.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";

const { signal } = new AbortController();

/** A repository without the configuration of the user. */
async function repository() {
  const folder = await temporaryFolder();
  const nothing = join(folder, ".none");
  const env = { ...process.env, HOME: folder, GIT_CONFIG_GLOBAL: nothing, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: folder, env, stdio: "pipe" });
  git("init", "-q");
  return { folder, env, git };
}

test("a file is added by git unless a rule ignores it", async () => {
  const { folder, env } = await repository();
  await writeFile(join(folder, ".gitignore"), "*.pem\n");
  for (const name of ["a.pem", "a.key"]) await writeFile(join(folder, name), "");
  expect(await gitTracks(join(folder, "a.pem"), { env, signal })).toBe(false);
  expect(await gitTracks(join(folder, "a.key"), { env, signal })).toBe(true);
});

test("no program that the config of a repository names for its remote is run", async () => {
  const { folder, env, git } = await repository();
  for (const name of ["in", "out"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "file"), name);
  }
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a");
  // The index has the folder `out` as one entry, and its object is missing.
  git("sparse-checkout", "set", "--cone", "--sparse-index", "in");
  const object = String(git("rev-parse", "HEAD:out")).trim();
  await rm(join(folder, ".git", "objects", object.slice(0, 2), object.slice(2)));
  const ran = join(folder, "ran");
  const settings = {
    "core.repositoryformatversion": "1",
    "extensions.partialClone": "origin",
    "remote.origin.promisor": "true",
    "remote.origin.url": `file://${folder}`,
    "remote.origin.uploadpack": `touch '${ran}';`,
  };
  for (const [name, value] of Object.entries(settings)) git("config", name, value);
  await mkdir(join(folder, "out"), { recursive: true });
  await writeFile(join(folder, "out", "agent.pem"), "");
  await gitTracks(join(folder, "out", "agent.pem"), { env, signal });
  expect(await readdir(folder)).not.toContain("ran");
});
