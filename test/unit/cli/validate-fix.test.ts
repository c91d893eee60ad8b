import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../../src/cli/main.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

const config = (url: string, secret: string) =>
  `{ // ours\n  "servers": { "crm": { "${url}": "https://crm.example/mcp", "grant": { "client": {\n` +
  `    "issuer": "https://auth.example", "id": "a", "secret": ${secret} } } } },\n}\n`;

async function fix(text: string, options: { link?: boolean } = {}) {
  const cwd = await temporaryFolder();
  const file = join(cwd, options.link === true ? "real.json" : "mcp-auth.config.json");
  await writeFile(file, text);
  await chmod(file, 0o640);
  if (options.link === true) await symlink("real.json", join(cwd, "mcp-auth.config.json"));
  const result = { out: "", err: "" };
  const code = await run(["validate", "--fix"], {
    cwd,
    env: {},
    out: (chunk) => {
      result.out += chunk;
    },
    err: (chunk) => {
      result.err += chunk;
    },
    color: false,
    signal: new AbortController().signal,
  });
  const { mode } = await stat(file);
  return {
    code,
    ...result,
    text: await readFile(file, "utf8"),
    mode: mode & 0o777,
    files: await readdir(cwd),
  };
}

test.each([false, true])(
  "validate --fix corrects the file, and keeps its mode and a link to it (through a link: %s)",
  async (link) => {
    const done = await fix(config("ulr", '"${CRM_SECRET}"'), { link });
    expect(done.text).toBe(config("url", '{ "env": "CRM_SECRET" }'));
    expect(done).toMatchObject({ code: 0, err: "2 mistakes fixed\n", mode: 0o640 });
    expect(done.out).toBe("mcp-auth.config.json: no mistakes, 1 server (secrets not read: add --secrets)\n");
    expect(done.files).toEqual(link ? ["mcp-auth.config.json", "real.json"] : ["mcp-auth.config.json"]);
  },
);

test("validate --fix leaves mistakes that it cannot correct, and reports them", async () => {
  const text = config("url", '"hunter2-hunter2"');
  const done = await fix(text);
  expect(done).toMatchObject({ code: 2, text, err: "1 mistake\n" });
  expect(done.out).toContain('{ "env": "CRM_SECRET" }');
  expect(done.out).not.toContain("hunter2");
});
