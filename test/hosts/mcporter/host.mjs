import { createRuntime } from "mcporter";

// The URL is in config/mcporter.json, which the runner writes, as for the command.
export async function connect() {
  const runtime = await createRuntime();
  await runtime.listTools("echo");
  return {
    async call(text) {
      const { content } = await runtime.callTool("echo", "echo", { args: { text } });
      return content[0].text;
    },
    close: () => runtime.close(),
  };
}
