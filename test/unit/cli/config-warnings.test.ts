import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, project } from "./command.js";

const name = "mcp-auth.config.json";
const servers = {
  crm: { url: "https://crm.example/mcp", grant: { type: "static", token: { env: "TOKEN" } } },
};

/** Creates a config that is world-writable. */
async function worldWritableConfig(): Promise<{ readonly cwd: string; readonly warning: string }> {
  const cwd = await project({ [name]: JSON.stringify({ servers }) });
  const file = join(cwd, name);
  await chmod(file, 0o666);
  const warning = `anyone on this machine can change the config ${file}: ${file} is world-writable (mode 0666).`;
  return { cwd, warning };
}

test.each([["token", "crm"], ["headers", "crm"], ["validate"]])(
  "%s warns on stderr of a named config that is world-writable, and uses it",
  async (...argv) => {
    const { cwd, warning } = await worldWritableConfig();
    for (const [args, env] of [
      [["--config", name], {}],
      [[], { MCP_AUTH_CONFIG: name }],
    ] as const) {
      const result = await command([...argv, ...args], { cwd, env: { TOKEN: "t", ...env } });
      expect(result).toMatchObject({ code: 0, err: `warning: ${warning}\n` });
      expect(result.out).not.toContain("warning");
    }
  },
);

test("validate --json prints the warnings about a named config", async () => {
  const { cwd, warning } = await worldWritableConfig();
  const { code, out, err } = await command(["validate", "--json", "--config", name], { cwd });
  expect(JSON.parse(out)).toMatchObject({ valid: true, warnings: [warning] });
  expect([code, err]).toEqual([0, ""]);
});

test.each(["token crm", "validate", "validate --json"])(
  "%s refuses a found config that is world-writable, and prints the remedy",
  async (argv) => {
    const { cwd } = await worldWritableConfig();
    const { code, out, err } = await command(argv.split(" "), { cwd, env: { TOKEN: "t" } });
    expect(code).toBe(2);
    expect(out + err).toContain(`MCP_AUTH_CONFIG=${join(cwd, name)} or --config ${join(cwd, name)}`);
  },
);

test("a warning about the config is escaped", async () => {
  const cwd = await project({ "a\n::error::b.json": JSON.stringify({ servers }) });
  await chmod(join(cwd, "a\n::error::b.json"), 0o666);
  const { err } = await command(["token", "crm", "--config", "a\n::error::b.json"], {
    cwd,
    env: { TOKEN: "t" },
  });
  expect(err).toContain("a\\u000a::error::b.json");
  expect(err.split("\n")).toHaveLength(2);
});
