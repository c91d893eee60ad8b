import type { Mistake } from "./source-document.js";

interface Field {
  readonly name: "second" | "minute" | "hour" | "dayOfMonth" | "month" | "dayOfWeek";
  readonly words: string;
}

const fields: readonly Field[] = [
  { name: "second", words: "seconds, 0 to 59" },
  { name: "minute", words: "minutes, 0 to 59" },
  { name: "hour", words: "hours, 0 to 23" },
  { name: "dayOfMonth", words: "days of a month, 1 to 31" },
  { name: "month", words: "months, 1 to 12" },
  { name: "dayOfWeek", words: "days of a week, 0 to 7" },
];

/**
 * What is wrong with a cron expression of five fields, or six with seconds first. node-cron decides what it can read; a step
 * that leads out of its field or range it takes for none, which nobody means who writes "*\/90" in the minutes.
 */
export async function checkCron(expression: string): Promise<Omit<Mistake, "path"> | undefined> {
  // node-cron also takes nicknames and aliases of its own.
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) return notCron;
  const { parse, validate } = await import("node-cron");
  if (!validate(expression)) return notCron;
  const present = fields.slice(-parts.length);
  for (const [index, { name, words }] of present.entries()) {
    for (const item of (parts[index] ?? "").split(",")) {
      const [range = "", step] = item.split("/");
      if (step === undefined || Number(step) === 1) continue;
      const alone = present.map((field) => (field.name === name ? range : "*")).join(" ");
      const count = parse(alone)[name].length;
      if (Number(step) >= count) return stepBeyond(Number(step), range === "*" ? words : undefined, count);
    }
  }
  return undefined;
}

function stepBeyond(step: number, words: string | undefined, count: number): Omit<Mistake, "path"> {
  const where = words === undefined ? `a range of ${count}` : `the ${words}`;
  const most = count > 2 ? `A step can be at most ${count - 1} here; f` : "F";
  return {
    message: `A step of ${step} leads out of ${where}: only the first value is left`,
    hint: `${most}or that value alone, write it without a step`,
  };
}

const notCron = {
  message: "Must be a cron expression of five fields, or six with seconds first",
  hint: 'For example "*/10 * * * *", every ten minutes',
};
