// The units of examples/cron, checked by systemd itself. test/processes/example-cron.test.ts runs the job.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyExample, type Ended, plainEnvironment, run } from "../support/example.js";

const units = ["crm-report.service", "crm-report.timer"] as const;

/** Checks the units with systemd, after `change` has edited them. */
async function verify(change: (text: string) => string): Promise<Ended> {
  const folder = await copyExample("cron");
  for (const unit of units) {
    const path = join(folder, unit);
    const text = await readFile(path, "utf8");
    // The program must exist.
    await writeFile(path, change(text.replaceAll("/usr/bin/node", process.execPath)));
  }
  const paths = units.map((unit) => join(folder, unit));
  const env = { ...plainEnvironment, SYSTEMD_LOG_LEVEL: "warning" };
  return await run("systemd-analyze", ["verify", "--man=no", ...paths], { cwd: folder, env });
}

test("systemd accepts the units of the example, without a warning", async () => {
  expect(await verify((text) => text)).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("the check by systemd finds a misspelled property and a wrong time", async () => {
  const property = await verify((text) => text.replace("StateDirectory=", "StatesDirectory="));
  expect(property.stderr).toContain("StatesDirectory");
  const time = await verify((text) => text.replace("OnCalendar=*:0/5", "OnCalendar=every five minutes"));
  expect(time.stderr).toContain("calendar specification");
});
