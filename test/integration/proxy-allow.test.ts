import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { startProxy } from "../../src/proxy.js";

test("allow.files is checked again when the proxy creates the socket of the config", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ["allowed", "other"]) await mkdir(join(folder, name));
  await symlink("allowed", join(folder, "run"));
  const auth = await createMcpAuth({
    cwd: folder,
    config: { proxy: { socket: "run/private/proxy.sock" }, servers: {} },
    allow: { files: [join(folder, "allowed")] },
  });
  onTestFinished(() => auth.stop());

  await (await startProxy(auth)).stop();
  await rm(join(folder, "run"));
  await symlink("other", join(folder, "run"));
  await expect(startProxy(auth)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("`allow.files` does not include the socket of the proxy"),
  });
});
