import { lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createFile } from "../../../../src/cli/init/create-file.js";
import { addToEnvExample } from "../../../../src/cli/init/env-example.js";
import { mayCommitEnv } from "../../../../src/cli/init/git-ignores.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";
import { project } from "../command.js";

const variables = [
  { name: "CRM_ID", comment: "the id" },
  { name: "CRM_SECRET", comment: "the secret" },
];

describe("addToEnvExample", () => {
  test("the file gets the names of variables, without values", async () => {
    const file = join(await temporaryFolder(), ".env.example");
    expect(await addToEnvExample(file, variables)).toBe(true);
    expect(await readFile(file, "utf8")).toBe("# The id\nCRM_ID=\n# The secret\nCRM_SECRET=\n");
  });

  test("lines that are there stay, and names that are there are not added again", async () => {
    const file = join(await temporaryFolder(), ".env.example");
    await writeFile(file, "#export CRM_SECRET = x\nMY_CRM_ID=1");
    expect(await addToEnvExample(file, variables)).toBe(true);
    expect(await readFile(file, "utf8")).toBe("#export CRM_SECRET = x\nMY_CRM_ID=1\n# The id\nCRM_ID=\n");
  });

  test("a link is not followed", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, ".env.example");
    await writeFile(join(folder, "other"), "");
    await symlink("other", file);
    expect(await addToEnvExample(file, variables)).toBe(false);
    expect(await readFile(join(folder, "other"), "utf8")).toBe("");
  });
});

describe("createFile", () => {
  test("a new file can be read by others as umask allows, and nothing else is left", async () => {
    const file = join(await temporaryFolder(), "a.json");
    await createFile(file, "{}");
    expect(await readFile(file, "utf8")).toBe("{}");
    expect((await lstat(file)).mode & 0o777).toBe(0o644 & ~process.umask());
  });

  test.each(["file", "link"])("a %s that is there is never replaced or followed", async (kind) => {
    const folder = await temporaryFolder();
    const file = join(folder, "a.json");
    if (kind === "file") await writeFile(file, "old");
    else await symlink(join(folder, "elsewhere"), file);
    await expect(createFile(file, "new")).rejects.toThrow(
      /EEXIST.*A file, a folder or a link is there by now/,
    );
    if (kind === "file") expect(await readFile(file, "utf8")).toBe("old");
    await expect(lstat(join(folder, "elsewhere"))).rejects.toThrow("ENOENT");
  });
});

describe("mayCommitEnv", () => {
  test.each([
    [".env\n", false],
    ["node_modules\r\n/.env\r\n", false],
    ["**/.env*", false],
    ["# .env\n.env.local\n", true],
  ])("a .gitignore of %j is understood", async (text, expected) => {
    const folder = await project({ ".gitignore": text });
    await mkdir(join(folder, "a"));
    expect(await mayCommitEnv(folder)).toBe(expected);
    expect(await mayCommitEnv(join(folder, "a"))).toBe(expected);
  });
});
