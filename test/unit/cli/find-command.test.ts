import { describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/commands.js";
import type { Command } from "../../../src/cli/define-command.js";
import { findCommand } from "../../../src/cli/find-command.js";
import { commandHelp } from "../../../src/cli/help.js";
import { parseArguments } from "../../../src/cli/parse-arguments.js";
import { command as commandLine, project } from "./command.js";

describe("finding the command in a command line", () => {
  test.each([
    ["token crm --json", "token", ["crm", "--json"]],
    ["--config c.json token crm", "token", ["--config", "c.json", "crm"]],
    ["--config=c.json --env-file .env token crm", "token", ["--config=c.json", "--env-file", ".env", "crm"]],
    ["--json token crm", "token", ["--json", "crm"]],
    ["--listen 127.0.0.1:0 proxy crm", "proxy", ["--listen", "127.0.0.1:0", "crm"]],
    ["--print vscode proxy", "proxy", ["--print", "vscode"]],
    ["store clear crm", "store clear", ["crm"]],
    ["store --config c.json clear crm", "store clear", ["--config", "c.json", "crm"]],
    ["token -- --help", "token", ["--", "--help"]],
  ])("options may come before, between and after the words of a command: %s", async (line, name, args) => {
    expect(await findCommand(line.split(" "))).toEqual({ kind: "command", name, args });
  });

  test.each([
    ["--help", undefined],
    ["-h", undefined],
    ["help", undefined],
    ["help token", "token"],
    ["help store clear", "store clear"],
    ["token --help", "token"],
    ["--help token", "token"],
    ["token crm -h", "token"],
    ["store --help", "store"],
    ["help store", "store"],
    ["store clear --help", "store clear"],
  ])("help is found anywhere: %s", async (line, name) => {
    expect(await findCommand(line.split(" "))).toEqual({ kind: "help", ...(name !== undefined && { name }) });
  });

  test.each([
    ["tokn crm", 'There is no command "tokn". Did you mean "token"?'],
    ["stat", 'There is no command "stat". Did you mean "status"?'],
    ["store cleer", 'There is no command "store cleer". Did you mean "store clear"?'],
    ["stor clear", 'There is no command "stor". Did you mean "store"?'],
    ["constructor", 'There is no command "constructor". See'],
    ["store", "store needs one of its commands: store clear"],
  ])("a wrong command is answered with the near one: %s", async (line, message) => {
    await expect(findCommand(line.split(" "))).rejects.toThrow(message);
  });
});

test.each([
  [["token", "crm", "--config"], "--config FILE"],
  [["token", "crm", "--config", "--json"], "--config FILE, or --config=FILE if it begins with a dash"],
])("an option without its value is answered with how to write it: %j", async (argv, usage) => {
  const { code, err } = await commandLine(argv, { cwd: await project() });
  expect([code, err]).toEqual([2, `error: --config needs a value: ${usage}\n`]);
});

test.each([
  [["discover"], "the URL of an MCP server: npx mcp-auth-runtime discover URL"],
  [["completion"], "a shell: npx mcp-auth-runtime completion SHELL"],
])("a missing argument is answered with what it is: %j", async (argv, what) => {
  const { code, err } = await commandLine(argv, { cwd: await project() });
  expect([code, err]).toEqual([2, `error: Name ${what}\n`]);
});

test("an unknown option is answered with the near one, and a wrong value with the allowed ones", async () => {
  const cwd = await project();
  const token = await commandLine(["token", "crm", "--jsn"], { cwd });
  expect(token.err).toBe(
    'error: token has no option "--jsn". Did you mean --json? See npx mcp-auth-runtime token --help\n',
  );
  const proxy = await commandLine(["proxy", "--print", "vscod"], { cwd });
  expect(proxy.err).toMatch(/^error: --print cannot be "vscod"\. Did you mean vscode\? Use one of: vscode, /);
});

test("a value of an option that takes none is answered in one line", async () => {
  const { code, err } = await commandLine(["token", "crm", "--json=x"], { cwd: await project() });
  const what = "Option '--json' does not take an argument";
  expect([code, err]).toEqual([2, `error: ${what}. See npx mcp-auth-runtime token --help\n`]);
});

test("an argument too many is not printed, because it may be a secret", async () => {
  const { code, out, err } = await commandLine(["token", "crm", "s3cr3t"], { cwd: await project() });
  expect([code, out]).toEqual([2, ""]);
  expect(err).toBe("error: token takes one argument: npx mcp-auth-runtime token SERVER\n");
});

test.each([
  [["token", "--json"], "usage", 2],
  [["token", "crm", "--json"], "config_not_found", 2],
])("with --json, %j also prints its error as JSON", async (argv, errorCode, exitCode) => {
  const { code, out, err } = await commandLine(argv, { cwd: await project() });
  expect([code, JSON.parse(out).error.code]).toEqual([exitCode, errorCode]);
  expect(err).toContain(JSON.parse(out).error.message);
});

describe("the definitions of all commands", async () => {
  const all: readonly (readonly [string, Command])[] = await Promise.all(
    [...commands].map(async ([name, { load }]) => [name, await load()] as const),
  );

  test("an option takes a value in all commands or in none, so that it can come before the command", () => {
    const types = new Map<string, string>();
    for (const [, { options = {} }] of all) {
      for (const [option, { type }] of Object.entries(options)) {
        expect([option, types.get(option) ?? type]).toEqual([option, type]);
        types.set(option, type);
      }
    }
  });

  test.each(all)("%s has a description and examples that it accepts itself", async (name, definition) => {
    expect(definition.description.trim()).toMatch(/^[A-Z].*[.]$/s);
    expect(definition.examples.length).toBeGreaterThan(0);
    for (const [line] of definition.examples) {
      const request = await findCommand(line.split(" "));
      expect(request).toMatchObject({ kind: "command", name });
      if (request.kind === "command") parseArguments(name, definition, request.args);
    }
  });

  test.each(all)("the help of %s shows its options and fits into 120 columns", (name, definition) => {
    const help = commandHelp(name, definition);
    for (const option of Object.keys(definition.options ?? {})) expect(help).toContain(`--${option}`);
    for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  });
});
