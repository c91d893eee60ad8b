/** Whether node-cron reads this as a cron expression of five fields, or six with seconds first. */
export async function isValidCron(expression: string): Promise<boolean> {
  // node-cron also takes nicknames and aliases of its own.
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) return false;
  const { validate } = await import("node-cron");
  return validate(expression);
}
