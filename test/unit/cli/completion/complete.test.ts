import { expect, test } from "vitest";
import { command, project } from "../command.js";

const grant = { type: "static", token: { exec: ["touch", "ran"] } };
const crm = { url: "https://${UNSET}.example/mcp", grant };
const json = (servers: object) => JSON.stringify({ servers });

async function complete(words: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
  return await command(["complete", "--", ...words], { cwd, env });
}

test("the callback of the scripts prints a candidate per line, with what it does", async () => {
  const { code, out, err } = await complete(["val"], await project());
  expect([code, out, err]).toEqual([0, "validate check the config, and list its mistakes\n", ""]);
});

test("the callback has the shell complete names of files", async () => {
  expect((await complete(["token", "--config", ""], await project())).out).toBe(":files\n");
});

test("servers are completed from a config with mistakes and unset variables", async () => {
  const cwd = await project({ "mcp-auth.config.json": json({ crm, "$(touch ran)": {}, billing: { x: 1 } }) });
  expect((await complete(["token", ""], cwd)).out).toBe("crm\nbilling\n");
});

test("servers are completed from the config that --config or MCP_AUTH_CONFIG names", async () => {
  const cwd = await project({
    "mcp-auth.config.json": json({ crm }),
    "other.yaml": "servers:\n  sales: {}\n",
    "third.json": json({ third: crm }),
  });
  const env = { MCP_AUTH_CONFIG: "third.json" };
  expect((await complete(["token", "--config", "other.yaml", ""], cwd, env)).out).toBe("sales\n");
  expect((await complete(["token", ""], cwd, env)).out).toBe("third\n");
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["there is no config", {}],
  ["the config cannot be parsed", { "mcp-auth.config.json": "{" }],
  ["the config has no servers", { "mcp-auth.config.json": '{ "servers": [] }' }],
  ["there are two configs", { "mcp-auth.config.json": json({ crm }), "mcp-auth.config.yaml": "a: 1" }],
])("the callback prints nothing if %s", async (_, files) => {
  expect(await complete(["token", ""], await project(files))).toMatchObject({ out: "", err: "" });
});

test("complete is in no list of commands", async () => {
  const cwd = await project();
  expect((await command(["--help"], { cwd })).out).not.toMatch(/^ {2}complete\b/m);
  expect((await complete(["complet"], cwd)).out).toMatch(/^completion .*\n$/);
  expect((await command(["complete"], { cwd })).err).toContain('There is no command "complete".');
});

test.each([
  ["bash", 'eval "$(mcp-auth-runtime completion bash)"'],
  ["zsh", 'eval "$(mcp-auth-runtime completion zsh)"'],
  ["fish", "mcp-auth-runtime completion fish | source"],
])("completion %s prints a script that is not escaped, and says how to load it", async (shell, line) => {
  const { code, out, err } = await command(["completion", shell], { cwd: await project() });
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`#   ${line}\n`);
  expect(out).not.toContain("\\u");
  expect(out.endsWith("\n\n")).toBe(false);
});

test("completion names the shells that it has a script for", async () => {
  const { code, err } = await command(["completion", "powershell"], { cwd: await project() });
  expect([code, err]).toEqual([
    2,
    'error: There is no script for "powershell". Use one of: bash, zsh, fish\n',
  ]);
});
