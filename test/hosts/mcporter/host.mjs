import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { separateTokens } from "../phases.mjs";

const command = {
  way: "register",
  write: 'the URL; `NODE_OPTIONS="--import mcp-auth-runtime/register" mcporter call crm.…`',
  program: "driver.mjs",
  processPerCall: true,
};

/** @type {import("../host.js").Host} */
export const host = {
  title: "mcporter",
  page: "mcporter",
  packages: ["mcporter"],
  ways: [
    {
      way: "register",
      variant: "as a library",
      write: "the URL; `node --import mcp-auth-runtime/register agent.ts`",
      program: "agent.ts",
    },
    { ...command, variant: "as a command", phases: separateTokens },
    {
      ...command,
      variant: "as a command, with a file store",
      config: { store: { type: "file", path: "./store", encryptionKey: { env: "STORE_KEY" } } },
    },
    {
      way: "proxy",
      write: "what `proxy --print mcporter` prints",
      program: "agent.ts",
      async prepare({ folder, proxy }) {
        await mkdir(join(folder, "config"), { recursive: true });
        await writeFile(join(folder, "config/mcporter.json"), await proxy.print("mcporter"));
      },
    },
  ],
};
