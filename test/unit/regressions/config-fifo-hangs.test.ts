import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { hangLimit } from "../../support/hang-limit.js";
import { caught, temporaryFolder } from "./world.js";

test("a FIFO in place of a config is refused and does not hang", async () => {
  const fifo = join(await temporaryFolder(), "mcp-auth.config.json");
  execFileSync("mkfifo", [fifo]);
  const late = new Promise((resolve) => void setTimeout(resolve, hangLimit / 2, "hangs").unref());
  const outcome = await Promise.race([caught(createMcpAuth({ config: fifo, env: {} })), late]);
  if (outcome === "hangs") writeFileSync(fifo, "{}"); // lets the blocked thread go
  expect(outcome).toMatchObject({ code: "config_invalid" });
});

test("a device without end is refused with a code", async () => {
  const { symlink } = await import("node:fs/promises");
  const link = join(await temporaryFolder(), "mcp-auth.config.json");
  await symlink("/dev/zero", link);
  // Reads 2 GiB first, then rejects with a plain RangeError.
  expect(await caught(createMcpAuth({ config: link, env: {} }))).toMatchObject({ code: "config_invalid" });
});
