import { expect, test } from "vitest";
import { inheritedFolder, passOn } from "../../../src/register/child-processes.js";

const entry = "file:///project/node_modules/mcp-auth-runtime/dist/register.js";

/** What is left to programs that this one starts. */
function passedOn(options: string | undefined, execArgv: string[] = []) {
  const env: NodeJS.ProcessEnv = options === undefined ? {} : { NODE_OPTIONS: options };
  passOn(entry, "/project", { env, execArgv });
  return { options: env["NODE_OPTIONS"], execArgv, folder: inheritedFolder(env) };
}

test.each([
  ["--import=mcp-auth-runtime/register", `--import=${entry}`],
  ["--import mcp-auth-runtime/register", `--import ${entry}`],
  ['"--import=mcp-auth-runtime/register"', `"--import=${entry}"`],
  ['--import "mcp-auth-runtime/register"', `--import "${entry}"`],
  ['"--import" "mcp-auth-runtime/register"', `"--import" "${entry}"`],
  [
    "--import tsx --import=mcp-auth-runtime/register --no-warnings",
    `--import tsx --import=${entry} --no-warnings`,
  ],
])("NODE_OPTIONS names the module by its URL for programs in other folders: %s", (options, changed) => {
  expect(passedOn(options).options).toBe(changed);
});

test.each([
  "--import=mcp-auth-runtime/register/api",
  "--import=mcp-auth-runtime/register.js",
  "--import=other/mcp-auth-runtime/register",
  "--require mcp-auth-runtime/register",
  "--max-old-space-size=100",
])("NODE_OPTIONS without the module stays as it is: %s", (options) => {
  expect(passedOn(options).options).toBe(options);
});

test("NODE_OPTIONS that is not set stays so", () => {
  expect(passedOn(undefined).options).toBeUndefined();
});

test.each([
  [
    ["--import", "mcp-auth-runtime/register", "--no-warnings"],
    ["--import", entry, "--no-warnings"],
  ],
  [["--import=mcp-auth-runtime/register"], [`--import=${entry}`]],
  [
    ["--title", "mcp-auth-runtime/register"],
    ["--title", "mcp-auth-runtime/register"],
  ],
])("the options that fork() hands on name the module by its URL: %j", (execArgv, changed) => {
  expect(passedOn(undefined, [...execArgv]).execArgv).toEqual(changed);
});

test("a program in another folder learns where the config was looked for", () => {
  expect(passedOn(undefined).folder).toBe("/project");
  expect(inheritedFolder({})).toBeUndefined();
});
