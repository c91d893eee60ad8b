import { lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createFile } from "../../../../src/cli/init/create-file.js";
import { addToEnvExample } from "../../../../src/cli/init/env-example.js";
import { adviseToIgnore } from "../../../../src/cli/init/git-ignores.js";
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
    expect(await readFile(file, "utf8")).toBe(
      "# A value with spaces, # or quotes needs quotes around it: NAME='a value'\n" +
        "# The id\nCRM_ID=\n# The secret\nCRM_SECRET=\n",
    );
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

describe("adviseToIgnore", () => {
  test.each([
    [".env\n", ["secrets/"]],
    ["node_modules\r\n/.env\r\nsecrets\r\n", []],
    ["**/.env*\n*.pem", []],
    ["# .env\n.env.local\n/secrets/*", [".env"]],
    ["", [".env", "secrets/"]],
  ])("a .gitignore of %j is understood", async (text, expected) => {
    const folder = await project({ ".gitignore": text });
    await mkdir(join(folder, "a"));
    for (const each of [folder, join(folder, "a")]) {
      const advice = await adviseToIgnore(each, [join(each, ".env"), join(each, "secrets/agent.pem")]);
      expect(advice?.lines ?? []).toEqual(expected);
    }
  });

  test("nothing is advised outside of a repository, and for files outside of the folder", async () => {
    const outside = await temporaryFolder();
    expect(await adviseToIgnore(outside, [join(outside, ".env")])).toBe(undefined);
    const folder = await project();
    expect(await adviseToIgnore(folder, [join(folder, "..", "agent.pem")])).toBe(undefined);
  });
});
