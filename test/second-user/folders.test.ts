// Folders and files of another user, as validate and messages about unset variables see them.
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeEach, describe, expect, test } from "vitest";
import { explainUnset } from "../../src/lib/unset-variable.js";
import { checkStoreFolder } from "../../src/stores/check-folder.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const nobody = 65_534;

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  await chmod(folder, 0o755);
});

describe("the check of the folder of a store", () => {
  /** Runs the check as the user nobody, in a process of its own. */
  async function checkAsNobody(path: string): Promise<string> {
    const source = fileURLToPath(new URL("../../src/stores/check-folder.ts", import.meta.url));
    const contents = `import { checkStoreFolder } from ${JSON.stringify(source)};
checkStoreFolder(process.argv[1]).then((failure) => console.log(failure?.message ?? "usable"));`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: "." },
      ...{ bundle: true, write: false, platform: "node", format: "cjs" },
    });
    const script = outputFiles[0]?.text ?? "";
    const args = ["-e", script, path];
    return execFileSync(process.execPath, args, { uid: nobody, gid: nobody, cwd: "/" }).toString().trim();
  }

  test("a folder that this user may not write to, or in which it may not create one, has path and errno", async () => {
    await mkdir(join(folder, "state"));
    const remedy =
      "cannot be used: this process has no permission to use it (EACCES). Give its user read and write access there.";
    // Other users may not use a folder of root that they cannot write to.
    expect(await checkAsNobody(join(folder, "state"))).toBe(
      `the store of the config, ${join(folder, "state")}, ${remedy}`,
    );
    expect(await checkAsNobody(join(folder, "a", "b"))).toBe(
      `the store of the config, ${join(folder, "a", "b")} (to be created in ${folder}), ${remedy}`,
    );
    await chown(join(folder, "state"), nobody, nobody);
    expect(await checkAsNobody(join(folder, "state"))).toBe("usable");
  });

  test("a folder of another user is refused, also for root", async () => {
    await chown(folder, nobody, nobody);
    expect((await checkStoreFolder(folder))?.message).toContain("it belongs to another user");
  });
});

describe("a .env file of another user", () => {
  const explain = async () =>
    (await explainUnset("CRM_SECRET", { env: {}, folder, isCommand: true })).problem;

  test("a .env file that another user put into the folder of the config is not read", async () => {
    await writeFile(join(folder, ".env"), "CRM_SECRET=canary", { mode: 0o644 });
    expect(await explain()).toContain(".env has it");
    await chown(join(folder, ".env"), nobody, nobody);
    expect(await explain()).toBe("is not set");
  });

  test("a .env file of the owner of the folder is read, as in a mounted project", async () => {
    await writeFile(join(folder, ".env"), "CRM_SECRET=canary", { mode: 0o644 });
    await chown(join(folder, ".env"), nobody, nobody);
    await chown(folder, nobody, nobody);
    expect(await explain()).toContain(".env has it");
  });
});
