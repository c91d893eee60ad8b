import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, project } from "./command.js";

const withTypos = `{ "servers": { "crm": {
  "url": "https://crm.example/mcp",
  "grant": { "cleint": {} } } } }
`;

test("every command prints the mistakes of a config with the path from the working directory", async () => {
  const folder = await project({ "mcp-auth.config.json": withTypos });
  const cwd = join(folder, "deep", "er");
  await mkdir(cwd, { recursive: true });
  const line =
    '../../mcp-auth.config.json:3:14 /servers/crm/grant/cleint: Unknown property "cleint". Did you mean "client"?\n';
  const validate = await command(["validate"], { cwd });
  expect(validate).toEqual({ code: 2, out: line, err: "1 mistake\n" });
  const token = await command(["token", "crm"], { cwd });
  expect(token).toEqual({
    code: 2,
    out: "",
    err: `error[config_invalid]: The config has 1 mistake:\n  ${line}`,
  });
});

test("the mistakes that break one server are printed in the same form", async () => {
  const text = withTypos
    .replace('"cleint": {}', '"type": "static", "token": { "env": "T" }')
    .replace("crm.example", "${HOST}");
  const cwd = await project({ "mcp-auth.config.json": text });
  const { code, err } = await command(["token", "crm"], { cwd });
  expect(code).toBe(2);
  expect(err).toMatch(
    /^error\[config_invalid\]: Server "crm" cannot be used: the config has 1 mistake:\n {2}mcp-auth\.config\.json:2:10 .*HOST is not set/,
  );
});

test("with --json, the violations of an error have the full path of the file", async () => {
  const cwd = await project({ "mcp-auth.config.json": withTypos });
  const { out } = await command(["token", "crm", "--json"], { cwd });
  expect(JSON.parse(out).error.violations).toMatchObject([
    { file: join(cwd, "mcp-auth.config.json"), line: 3, pointer: "/servers/crm/grant/cleint" },
  ]);
});
