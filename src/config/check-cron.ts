import { parse, validate } from "node-cron";
import type { Report } from "./check-context.js";

interface Field {
  readonly name: "second" | "minute" | "hour" | "dayOfMonth" | "month" | "dayOfWeek";
  readonly description: string;
}

const fields: readonly Field[] = [
  { name: "second", description: "seconds, 0 to 59" },
  { name: "minute", description: "minutes, 0 to 59" },
  { name: "hour", description: "hours, 0 to 23" },
  { name: "dayOfMonth", description: "days of a month, 1 to 31" },
  { name: "month", description: "months, 1 to 12" },
  { name: "dayOfWeek", description: "days of a week, 0 to 7" },
];

/**
 * Returns what is wrong with a cron expression of five fields, or six with seconds first. node-cron decides which
 * expressions are valid. It also accepts a step that exceeds the field, such as "*\/90" minutes, and then matches only
 * the first value. That is never intended, so this function reports it.
 */
export function findCronProblem(expression: string): Report | undefined {
  // node-cron also accepts nicknames such as @daily.
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) return notCron;
  if (!validate(expression)) return notCron;
  const present = fields.slice(-parts.length);
  for (const [index, { name, description }] of present.entries()) {
    for (const item of (parts[index] ?? "").split(",")) {
      const [range = "", step] = item.split("/");
      if (step === undefined || Number(step) === 1) continue;
      const rangeAlone = present.map((field) => (field.name === name ? range : "*")).join(" ");
      const count = parse(rangeAlone)[name].length;
      if (Number(step) < count) continue;
      return stepTooLarge(Number(step), range === "*" ? `the ${description}` : `a range of ${count}`, count);
    }
  }
  return undefined;
}

function stepTooLarge(step: number, range: string, count: number): Report {
  return {
    message: `A step of ${step} exceeds ${range}: only the first value would match`,
    hint:
      count > 2
        ? `A step can be at most ${count - 1} here; for that value alone, write it without a step`
        : "For that value alone, write it without a step",
  };
}

const notCron = {
  message: "Must be a cron expression of five fields, or six with seconds first",
  hint: 'For example "*/10 * * * *", every ten minutes',
};
