import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replaceFile } from "../../../src/cli/replace-file.js";
import { caught, temporaryFolder } from "./world.js";

test("the mode stays whatever the umask is", async () => {
  const file = join(await temporaryFolder(), "c.json");
  await writeFile(file, "{}");
  await chmod(file, 0o660);
  const before = process.env["VITEST_WORKER_ID"]; // umask cannot be set in a worker; the usual 022 is assumed
  expect(before).toBeDefined();
  await replaceFile(file, "{ }");
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe("660");
});

test("a file that is in the way is left alone", async () => {
  const file = join(await temporaryFolder(), "c.json");
  const beside = `${file}.${process.pid}.tmp`;
  await writeFile(file, "{}");
  await writeFile(beside, "somebody else's");
  await caught(replaceFile(file, "{ }"));
  expect(await readFile(beside, "utf8").catch(() => "gone")).toBe("somebody else's");
});
