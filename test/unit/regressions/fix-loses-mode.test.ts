import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { replaceFile } from "../../../src/cli/replace-file.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { caught } from "./world.js";

test.each([0o000, 0o022, 0o077])(
  "replaceFile keeps the mode of the file with the umask %i",
  async (umask) => {
    const previous = process.umask(umask);
    onTestFinished(() => void process.umask(previous));
    const file = join(await temporaryFolder(), "c.json");
    await writeFile(file, "{}");
    await chmod(file, 0o660);
    await replaceFile(file, "{ }");
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe("660");
  },
);

test("replaceFile leaves a file named <config>.<pid>.tmp alone", async () => {
  const file = join(await temporaryFolder(), "c.json");
  const beside = `${file}.${process.pid}.tmp`;
  await writeFile(file, "{}");
  await writeFile(beside, "another process's file");
  await caught(replaceFile(file, "{ }"));
  expect(await readFile(beside, "utf8").catch(() => "gone")).toBe("another process's file");
});
