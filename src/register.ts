// Loaded on use, so that an older Node ends with one sentence (lib/check-node.ts), and not with a stack.
const { start } = await import("./register/start.js").catch((error: unknown) => {
  if (!(error instanceof Error) || error.name !== "UnsupportedNodeError") throw error;
  const { MCP_AUTH_REGISTER: mode } = process.env;
  if (mode === "optional") process.emitWarning(error.message, "McpAuthWarning");
  else if (mode !== "off") {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  return { start: async (): Promise<void> => {} };
});

// The program begins when this has ended.
await start(import.meta.url);
