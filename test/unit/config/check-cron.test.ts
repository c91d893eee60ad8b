import { expect, test } from "vitest";
import { findCronProblem } from "../../../src/config/check-cron.js";
import { checkConfig } from "../../../src/config/load.js";
import { project } from "../cli/command.js";
import { smallest } from "./folder.js";
import { crm, violationsOf } from "./violations-of.js";

test.each([
  ["*/70 * * * * *", "A step of 70 exceeds the seconds, 0 to 59"],
  ["*/70 * * * *", "A step of 70 exceeds the minutes, 0 to 59"],
  ["*/60 * * * *", "A step of 60 exceeds the minutes, 0 to 59"],
  ["0 */24 * * *", "A step of 24 exceeds the hours, 0 to 23"],
  ["0 0 */31 * *", "A step of 31 exceeds the days of a month, 1 to 31"],
  ["0 0 1 */12 *", "A step of 12 exceeds the months, 1 to 12"],
  ["0 0 * * */7", "A step of 7 exceeds the days of a week, 0 to 7"],
  ["0-10/11 * * * *", "A step of 11 exceeds a range of 11"],
  ["5,*/90 * * * *", "A step of 90 exceeds the minutes, 0 to 59"],
  ["0 22-2/5 * * *", "A step of 5 exceeds a range of 5"],
  ["0 0 1 jan-mar/3 *", "A step of 3 exceeds a range of 3"],
])("a cron step after which only the first value would match is a violation: %s", (schedule, message) => {
  expect(findCronProblem(schedule)?.message).toBe(`${message}: only the first value would match`);
});

test.each([
  "0-70 * * * *",
  "70 * * * *",
  "5/70 * * * *",
  "*/0 * * * *",
  "0 24 * * *",
  "0 0 0 * *",
  "0 0 * * 8",
])("a cron value or range beyond its field is a violation: %s", (schedule) => {
  expect(findCronProblem(schedule)?.message).toMatch(/^Must be a cron expression/);
});

test.each([
  ...["*/59 * * * *", "*/30 * * * * *", "0 */23 * * *", "0 0 */30 * *", "0 0 1 */11 *", "0 0 * * */6"],
  ...[
    "0-10/10 * * * *",
    "50-10/5 * * * *",
    "5-5/1 * * * *",
    "0 0 L * *",
    "0 0 * * 1#2",
    "0 0 * jan-mar/2 mon-fri/2",
  ],
])("a cron step within its field is valid: %s", (schedule) => {
  expect(findCronProblem(schedule)).toBe(undefined);
});

test("a violation of a cron expression has its position and says what to write instead", async () => {
  expect(await violationsOf(crm({ refresh: { schedule: "*/70 * * * *" } }))).toEqual([
    "/servers/crm/refresh/schedule: A step of 70 exceeds the minutes, 0 to 59: only the first value would match. A step " +
      "can be at most 59 here; for that value alone, write it without a step.",
  ]);
  const servers = { crm: { ...smallest.servers.crm, refresh: { schedule: "*/70 * * * *" } } };
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify({ servers }, null, 1) });
  const { violations } = await checkConfig({ cwd, env: {} });
  expect(violations).toMatchObject([
    { line: expect.any(Number), column: expect.any(Number), pointer: "/servers/crm/refresh/schedule" },
  ]);
});
