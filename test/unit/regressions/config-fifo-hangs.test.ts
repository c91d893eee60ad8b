import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { hangLimit } from "../../support/hang-limit.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { caught } from "./world.js";

test("a FIFO instead of a config file is rejected with config_invalid and does not hang", async () => {
  const fifo = join(await temporaryFolder(), "mcp-auth.config.json");
  execFileSync("mkfifo", [fifo]);
  const late = new Promise((resolve) => void setTimeout(resolve, hangLimit / 2, "hangs").unref());
  const outcome = await Promise.race([caught(createMcpAuth({ config: fifo, env: {} })), late]);
  if (outcome === "hangs") writeFileSync(fifo, "{}"); // Unblocks the thread that reads.
  expect(outcome).toMatchObject({ code: "config_invalid" });
});

test("an endless device instead of a config file is rejected with config_invalid", async () => {
  const { symlink } = await import("node:fs/promises");
  const link = join(await temporaryFolder(), "mcp-auth.config.json");
  await symlink("/dev/zero", link);
  // The bug: reading went on to 2 GiB, then rejected with a plain RangeError.
  expect(await caught(createMcpAuth({ config: link, env: {} }))).toMatchObject({ code: "config_invalid" });
});
