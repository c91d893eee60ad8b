import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../../src/cli/main.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

test("names in a config file cannot control the terminal or a CI runner's log", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "mcp-auth.config.json");
  await writeFile(file, '{"servers":{"\\u001b]0;x\\u0007\\n::add-mask::y":{}},"\\u009b31m\\u202eabc":1}');
  let out = "";
  const write = (text: string) => {
    out += text;
  };
  await run(["validate", "--config", file], {
    cwd: folder,
    env: {},
    out: write,
    err: write,
    color: false,
    signal: new AbortController().signal,
  });
  expect(out).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  expect(out).not.toMatch(/^::/m);
});
