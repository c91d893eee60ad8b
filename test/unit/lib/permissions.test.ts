import { describe, expect, it } from "vitest";
import { commandsForbidden, createPermissions } from "../../../src/lib/permissions.js";

const here =
  "running commands is forbidden here, by `allowExec: false` or by MCP_AUTH_ALLOW_EXEC in the environment.";
const set = (value: string) => ({ MCP_AUTH_ALLOW_EXEC: value });

describe("commands", () => {
  it.each(["0", "false", "no", "off", "FALSE", " off ", "2", "none", "allow", " ", " on ", "yes\n"])(
    "MCP_AUTH_ALLOW_EXEC=%s forbids commands",
    (value) => {
      expect(createPermissions({ environments: [set(value)] }).commandsForbidden()).toBe(here);
      expect(commandsForbidden({ env: set(value) })).toBe(here);
    },
  );

  it.each(["1", "true", "yes", "on", "TRUE", ""])("MCP_AUTH_ALLOW_EXEC=%s allows commands", (value) => {
    expect(createPermissions({ environments: [set(value)] }).commandsForbidden()).toBeUndefined();
    expect(commandsForbidden({ env: set(value) })).toBeUndefined();
  });

  it("one of two environments is enough to forbid commands, even with allowExec: true", () => {
    for (const environments of [
      [{}, set("0")],
      [set("no"), set("1")],
    ]) {
      expect(createPermissions({ allowExec: true, environments }).commandsForbidden()).toBe(here);
    }
  });

  it.each([null, 0, "", "false", "true", 1])(
    "allowExec: %j, which is not a boolean, forbids commands",
    (given) => {
      // Code without types may pass it.
      const allowExec = given as unknown as boolean;
      expect(createPermissions({ allowExec, environments: [] }).commandsForbidden()).toBe(here);
    },
  );

  it("allowExec: false forbids commands even if the environment allows them", () => {
    const permissions = createPermissions({ allowExec: false, environments: [set("1")] });
    expect(permissions.commandsForbidden()).toBe(here);
    expect(commandsForbidden({ env: set("1"), permissions })).toBe(here);
  });

  it("commands are forbidden as soon as the variable is set", () => {
    const env: Record<string, string> = {};
    const permissions = createPermissions({ environments: [env] });
    expect(permissions.commandsForbidden()).toBeUndefined();
    env["MCP_AUTH_ALLOW_EXEC"] = "off";
    expect(permissions.commandsForbidden()).toBe(here);
  });
});
