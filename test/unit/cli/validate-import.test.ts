import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, project } from "./command.js";

const grant = { type: "static", token: { env: "TOKEN" } };

/** Creates a project with a misspelled property and a wrong URL in the file that it imports. */
async function withMistakes() {
  const cwd = await project({
    "agent.json": JSON.stringify({
      import: "./host.json",
      servers: { crm: { grant, reech: "path" } },
    }),
    "host.json": '{\n  "mcpServers": { "crm": { "url": "${HOST" } }\n}',
  });
  return { cwd, file: "agent.json" };
}

test("validate reports a mistake in the imported file with its path, line and column, after those of the config", async () => {
  const { cwd, file } = await withMistakes();
  const { code, out } = await command(["validate", "--config", file], { cwd });
  expect([code, out.split("\n")]).toEqual([
    2,
    [
      `${file}:1:93 /servers/crm/reech: Unknown property "reech". Did you mean "reach"?`,
      "host.json:2:35 /mcpServers/crm/url: This ${ does not start a variable. Write ${NAME}, ${env:NAME} or ${NAME:-default}, or $${ for a literal ${.",
      "",
    ],
  ]);
  const json = JSON.parse((await command(["validate", "--config", file, "--json"], { cwd })).out);
  expect(json.violations).toMatchObject([
    { file: join(cwd, file) },
    { file: join(cwd, "host.json"), line: 2 },
  ]);
});

test("validate --fix corrects the config and leaves the imported file as it is", async () => {
  const { cwd, file } = await withMistakes();
  const before = await readFile(join(cwd, "host.json"), "utf8");
  const { code, err } = await command(["validate", "--fix", "--config", file], { cwd });
  expect([code, err]).toEqual([2, "1 mistake fixed\n1 mistake\n"]);
  expect(await readFile(join(cwd, file), "utf8")).toContain('"reach":"path"');
  expect(await readFile(join(cwd, "host.json"), "utf8")).toBe(before);
});
