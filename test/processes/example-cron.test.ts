// The job of examples/cron, started as cron and systemd start it: with the shell, the command, the folder and the
// variables of the files in that folder.
import { chmod, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { validate } from "node-cron";
import { expect, test } from "vitest";
import { startWorld } from "../integration/harness.js";
import { copyExample, run } from "../support/example.js";

async function start() {
  const folder = await copyExample("cron");
  const world = await startWorld();
  const template = await readFile(join(folder, "env.example"), "utf8");
  const values: Readonly<Record<string, string>> = {
    CRM_URL: world.mcp.url,
    CRM_ISSUER: world.issuer.issuer,
    CRM_SECRET: world.env["SECRET"] ?? "",
    MCP_AUTH_STORE_KEY: Buffer.alloc(32, 7).toString("base64url"),
  };
  const filled = template.replaceAll(/^([A-Z_]+)=.*$/gm, (_line, name: string) => `${name}=${values[name]}`);
  await writeFile(join(folder, ".env"), filled, { mode: 0o600 });
  /** Replaces the paths of a machine that has the job installed. */
  const here = (text: string) =>
    text.replaceAll("/opt/crm-report", folder).replaceAll("/usr/bin/node", process.execPath);
  return { folder, world, here };
}

test("two runs of the example's cron job share one token", async () => {
  const { folder, world, here } = await start();
  const lines = (await readFile(join(folder, "crontab"), "utf8")).split("\n");
  const [line = "", ...more] = lines.filter((text) => text !== "" && !text.startsWith("#"));
  expect(more).toEqual([]);
  const [, schedule = "", command = ""] = /^((?:\S+ ){5})(.+)$/.exec(line) ?? [];
  expect(validate(schedule.trim())).toBe(true);
  // cron would read a % as the end of the command.
  expect(command).not.toContain("%");
  // All variables that cron sets.
  const env = { HOME: folder, LOGNAME: "agent", SHELL: "/bin/sh", PATH: "/usr/bin:/bin" };
  for (const _run of [1, 2]) {
    expect(await run("/bin/sh", ["-c", here(command)], { cwd: "/", env })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  }
  expect(await readFile(join(folder, "report.log"), "utf8")).toMatch(/^(?:Report of 2\S+Z\n){2}$/);
  expect(world.issuer.tokenRequests).toHaveLength(1);
  expect(world.mcp.unauthorized).toBe(0);

  // After a revocation, the next run replaces the stored token, and the one after it uses the new one.
  for (const { jti } of world.issuer.issued) world.mcp.revoke(jti);
  for (const _run of [3, 4]) await run("/bin/sh", ["-c", here(command)], { cwd: "/", env });
  expect(await readFile(join(folder, "report.log"), "utf8")).toMatch(/^(?:Report of 2\S+Z\n){4}$/);
  expect(world.issuer.tokenRequests).toHaveLength(2);
});

test("two runs of the example's systemd unit share one token, which is in its state directory", async () => {
  const { folder, world, here } = await start();
  const unit = unitProperties(here(await readFile(join(folder, "crm-report.service"), "utf8")));
  const state = join(folder, "var-lib");
  await mkdir(state);
  await chmod(state, 0o700);
  const [name, value = ""] = (unit["Environment"] ?? "").split("=");
  expect([name, value]).toEqual(["XDG_STATE_HOME", `/var/lib/${unit["StateDirectory"]}`]);
  const variables = (await readFile(unit["EnvironmentFile"] ?? "", "utf8")).matchAll(/^([A-Z_]+)=(.*)$/gm);
  const env = {
    ...Object.fromEntries([...variables].map(([, variable, text = ""]) => [variable, text])),
    XDG_STATE_HOME: state,
    PATH: "/usr/bin:/bin",
  };
  // The job itself must not need the file, which only root can read there.
  await rename(join(folder, ".env"), join(folder, "elsewhere"));
  const [file = "", ...args] = (unit["ExecStart"] ?? "").split(" ");
  for (const _run of [1, 2]) {
    const ended = await run(file, args, { cwd: unit["WorkingDirectory"] ?? "", env });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Report of /), stderr: "" });
  }
  expect(world.issuer.tokenRequests).toHaveLength(1);
  expect(await readdir(state)).toEqual(["mcp-auth-runtime"]);
});

/** Returns the properties of a unit. A property that occurs more than once fails the test. */
function unitProperties(text: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").filter((line) => /^\w+=/.test(line));
  const entries = lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const properties: Readonly<Record<string, string>> = Object.fromEntries(entries);
  expect(Object.keys(properties)).toHaveLength(lines.length);
  return properties;
}
