import { expect, test } from "vitest";
import { stateFolder, stateVariable } from "../../../src/stores/state-folder.js";

test("the state of a user is where the conventions of each system want it", () => {
  const at = (platform: NodeJS.Platform, env = {}) => stateFolder({ platform, env, home: "/people/ada" });
  expect(at("linux")).toBe("/people/ada/.local/state/mcp-auth-runtime");
  expect(at("darwin")).toBe("/people/ada/Library/Application Support/mcp-auth-runtime");
  expect(at("win32")).toBe("/people/ada/AppData/Local/mcp-auth-runtime");
  expect(at("win32", { LOCALAPPDATA: "/local" })).toBe("/local/mcp-auth-runtime");
  expect(at("linux", { XDG_STATE_HOME: "relative" })).toBe("/people/ada/.local/state/mcp-auth-runtime");
});

test("the variable that moves the state on a system is the one that messages name there", () => {
  for (const platform of ["linux", "win32"] as const) {
    const env = { [stateVariable(platform)]: "/moved" };
    expect(stateFolder({ platform, env, home: "/people/ada" })).toBe("/moved/mcp-auth-runtime");
  }
  // It decides what the home folder is.
  expect(stateVariable("darwin")).toBe("HOME");
});
