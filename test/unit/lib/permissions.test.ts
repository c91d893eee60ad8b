import { describe, expect, it } from "vitest";
import { commandsForbidden, createPermissions } from "../../../src/lib/permissions.js";

const here =
  "running commands is forbidden here, by `allowExec: false` or by MCP_AUTH_ALLOW_EXEC in the environment.";
const set = (value: string) => ({ MCP_AUTH_ALLOW_EXEC: value });

describe("commands", () => {
  it.each(["0", "false", "no", "off", "FALSE", " off ", "2", "none", "allow", " ", " on ", "yes\n"])(
    "are forbidden by MCP_AUTH_ALLOW_EXEC=%s",
    (value) => {
      expect(createPermissions({ environments: [set(value)] }).commandsForbidden()).toBe(here);
      expect(commandsForbidden({ env: set(value) })).toBe(here);
    },
  );

  it.each(["1", "true", "yes", "on", "TRUE", ""])("are allowed by MCP_AUTH_ALLOW_EXEC=%s", (value) => {
    expect(createPermissions({ environments: [set(value)] }).commandsForbidden()).toBeUndefined();
    expect(commandsForbidden({ env: set(value) })).toBeUndefined();
  });

  it("are forbidden by one environment of two, whichever it is, and whatever allowExec says", () => {
    for (const environments of [
      [{}, set("0")],
      [set("no"), set("1")],
    ]) {
      expect(createPermissions({ allowExec: true, environments }).commandsForbidden()).toBe(here);
    }
  });

  it.each([null, 0, "", "false", "true", 1])(
    "are forbidden by allowExec: %j, which is no boolean",
    (given) => {
      // Somebody without types may pass it.
      const allowExec = given as unknown as boolean;
      expect(createPermissions({ allowExec, environments: [] }).commandsForbidden()).toBe(here);
    },
  );

  it("are forbidden by allowExec: false against an environment that allows them", () => {
    const permissions = createPermissions({ allowExec: false, environments: [set("1")] });
    expect(permissions.commandsForbidden()).toBe(here);
    expect(commandsForbidden({ env: set("1"), permissions })).toBe(here);
  });

  it("are forbidden from the moment on at which the variable is set", () => {
    const env: Record<string, string> = {};
    const permissions = createPermissions({ environments: [env] });
    expect(permissions.commandsForbidden()).toBeUndefined();
    env["MCP_AUTH_ALLOW_EXEC"] = "off";
    expect(permissions.commandsForbidden()).toBe(here);
  });
});
