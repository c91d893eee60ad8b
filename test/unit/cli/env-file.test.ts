import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { command, project } from "./command.js";

const config = JSON.stringify({
  servers: {
    crm: {
      url: "https://crm.example/mcp",
      grant: { client: { issuer: "https://auth.example", id: "a", secret: { env: "CRM_SECRET" } } },
    },
  },
});

/** Runs validate --secrets with a file of variables. */
async function validateWith(content: string | Uint8Array) {
  const cwd = await project({ "mcp-auth.config.json": config });
  await writeFile(join(cwd, "my.env"), content, { mode: 0o600 });
  const result = await command(["validate", "--secrets", "--env-file", "my.env"], { cwd });
  expect(result.out + result.err).not.toContain("canary");
  return result;
}

describe("a file of --env-file", () => {
  test.each([
    ["export", "export CRM_SECRET=canary"],
    ["spaces around", "  CRM_SECRET  =  canary  "],
    ["double quotes", 'CRM_SECRET="canary#1"'],
    ["single quotes", "CRM_SECRET='canary'"],
    ["a comment", "# CRM\n\nCRM_SECRET=canary # from the vault"],
    ["several lines", 'KEY="-----BEGIN\na=b\nno assignment\n-----END"\nCRM_SECRET=canary'],
    ["Windows line ends", "A=1\r\nCRM_SECRET=canary\r\n"],
    ["a byte order mark", "\uFEFFCRM_SECRET=canary"],
  ])("may have %s, as Node reads them, and causes no warning", async (_, text) => {
    expect(parseEnv(text.replace("\uFEFF", ""))["CRM_SECRET"]).toContain("canary");
    expect(await validateWith(text)).toEqual({
      code: 0,
      out: "mcp-auth.config.json: no mistakes, 1 server\n",
      err: "",
    });
  });

  test.each([
    ["CRM_SECRET: canary\nA=1", 1, "is not NAME=value, so Node ignores it or reads the next line wrong"],
    ["A=1\ncanary", 2, "is not NAME=value, so Node ignores it or reads the next line wrong"],
    ["A=1\n\nCRM_SECRET=can#ary", 3, "has a # in its value, where Node ends the value. Put quotes around it"],
    ['A=1\nCRM_SECRET="canary', 2, "has a quote that does not end, so its value is wrong or missing"],
  ])(
    "with a mistake in a line causes a warning with the line and without its text: %j",
    async (text, line, problem) => {
      const { err } = await validateWith(text);
      expect(err).toContain(`warning: my.env:${line}: this line ${problem}.\n`);
    },
  );

  test("with a line that is no assignment causes a warning for it, and for the next line if this Node skips that one too", async () => {
    const text = "A=1\nB: 2\nCRM_SECRET=canary\n";
    // Node 20 takes the next line for a part of this one. Later versions do not.
    const isSkipped = parseEnv(text)["CRM_SECRET"] === undefined;
    const { err } = await validateWith(text);
    expect(err).toContain("warning: my.env:2: this line is not NAME=value");
    const warning = "warning: my.env:3: this line is not read, because Node takes it for a part of the line";
    expect(err.includes(warning)).toBe(isSkipped);
  });

  test("with a mistake in each line causes five warnings", async () => {
    const { err } = await validateWith(`A=1\n${"canary\n".repeat(20)}`);
    expect(err.match(/warning: my\.env/g)).toHaveLength(5);
  });

  test.each<[string, string | Uint8Array, string]>([
    ["is JSON", '{ "CRM_SECRET": "canary" }', "has no line NAME=value. Name a file of variables."],
    [
      "is UTF-16",
      Buffer.from("\uFEFFCRM_SECRET=canary", "utf16le"),
      "cannot be read: it is UTF-16, as PowerShell writes files with >. Save it as UTF-8. Correct",
    ],
    ["is binary", new Uint8Array([65, 61, 0, 255]), "cannot be read: it is not text in UTF-8."],
  ])("that %s is an error", async (_, content, problem) => {
    const { code, out, err } = await validateWith(content);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(`error: The file my.env of --env-file ${problem}`);
  });

  test("that is a folder or does not exist is an error", async () => {
    const cwd = await project({ "mcp-auth.config.json": config });
    await mkdir(join(cwd, "folder.env"));
    const run = async (file: string) => (await command(["validate", "--env-file", file], { cwd })).err;
    expect(await run("folder.env")).toContain("cannot be read: it is a directory.");
    expect(await run("gone.env")).toContain("cannot be read: it does not exist.");
  });
});
