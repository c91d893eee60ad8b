import { expect, test } from "vitest";
import { inheritedFolder, passOn } from "../../../src/register/child-processes.js";

const entry = "file:///project/node_modules/mcp-auth-runtime/dist/register.js";

/** Returns what child processes inherit: the environment, the options of fork() and the config folder. */
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
])(
  "NODE_OPTIONS %s gets the module's URL, so that it works for child processes in other folders",
  (options, changed) => {
    expect(passedOn(options).options).toBe(changed);
  },
);

test.each([
  "--import=mcp-auth-runtime/register/api",
  "--import=mcp-auth-runtime/register.js",
  "--import=other/mcp-auth-runtime/register",
  "--require mcp-auth-runtime/register",
  "--max-old-space-size=100",
])("NODE_OPTIONS %s, which does not load the module, stays unchanged", (options) => {
  expect(passedOn(options).options).toBe(options);
});

test("an unset NODE_OPTIONS stays unset", () => {
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
])(
  "the options %j, which fork() passes on, get the module's URL where they load the module",
  (execArgv, changed) => {
    expect(passedOn(undefined, [...execArgv]).execArgv).toEqual(changed);
  },
);

test("a child process in another folder inherits the folder in which the config was looked for", () => {
  expect(passedOn(undefined).folder).toBe("/project");
  expect(inheritedFolder({})).toBeUndefined();
});
