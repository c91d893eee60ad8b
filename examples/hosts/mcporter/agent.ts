import { createInterface } from "node:readline";
import { createCallResult, createRuntime } from "mcporter";

const runtime = await createRuntime();

async function ask(question: string): Promise<string> {
  const result = await runtime.callTool("crm", "echo", { args: { text: question }, disableOAuth: true });
  return createCallResult(result).text() ?? "";
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
