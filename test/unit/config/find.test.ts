import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { folder, smallest } from "./folder.js";

const json = JSON.stringify(smallest);
const yaml = `servers:
  crm:
    url: https://crm.example/mcp
    grant: { client: { issuer: "https://auth.example", id: crm-agent, secret: { env: CRM_SECRET } } }
`;

describe("the search for a config", () => {
  it.each([
    ["mcp-auth.config.json", json],
    ["mcp-auth.config.yaml", yaml],
    ["mcp-auth.config.yml", yaml],
    ["package.json", JSON.stringify({ name: "agent", "mcp-auth": smallest })],
  ])("the search finds %s in the working directory", async (name, content) => {
    const cwd = await folder({ [name]: content });
    const spec = await loadConfig({ cwd, env: {} });
    expect(spec.file).toBe(join(cwd, name));
    expect(spec.servers.names).toEqual(["crm"]);
  });

  it("the search goes up to the folder with .git, past package.json files without a config", async () => {
    const root = await folder({ "mcp-auth.config.json": json, "packages/a/package.json": '{"name":"a"}' });
    const spec = await loadConfig({ cwd: join(root, "packages/a"), env: {} });
    expect(spec.file).toBe(join(root, "mcp-auth.config.json"));
  });

  it("the search takes the nearest config", async () => {
    const root = await folder({ "mcp-auth.config.json": json, "a/mcp-auth.config.yaml": yaml });
    expect((await loadConfig({ cwd: join(root, "a"), env: {} })).file).toBe(
      join(root, "a/mcp-auth.config.yaml"),
    );
  });

  it("the search does not go above the folder with .git", async () => {
    const root = await folder({ "mcp-auth.config.json": json, "a/.git": "gitdir: elsewhere\n" });
    const error = await rejectionOf(loadConfig({ cwd: join(root, "a"), env: {} }));
    expect(error.code).toBe("config_not_found");
    for (const place of [
      "mcp-auth.config.json",
      "mcp-auth.config.yaml",
      "mcp-auth.config.yml",
      "package.json#mcp-auth",
    ]) {
      expect(error.message).toContain(`\n  ${join(root, "a", place)}`);
    }
    expect(error.message).toContain(
      `Found ${join(root, "mcp-auth.config.json")}, which is not searched, because the search ends at ${join(root, "a")}, which has .git. To use it, `,
    );
  });

  it("the error names a config above the highest workspace root, and why it was not searched", async () => {
    const root = await folder(
      { "mcp-auth.config.yaml": yaml, "a/pnpm-workspace.yaml": "packages: []\n", "a/b/x": "" },
      false,
    );
    const { message } = await rejectionOf(loadConfig({ cwd: join(root, "a/b"), env: {} }));
    expect(message).toContain(
      `Found ${join(root, "mcp-auth.config.yaml")}, which is not searched, because the search ends at ${join(root, "a")}, the highest folder with workspaces. To use it, `,
    );
  });

  it.each([
    ["workspaces in package.json", "package.json", '{"workspaces":["a/*"]}'],
    ["pnpm-workspace.yaml", "pnpm-workspace.yaml", "packages: []\n"],
  ])("without .git, the search goes up to the highest folder with %s", async (_name, file, content) => {
    const root = await folder(
      { [file]: content, [`a/${file}`]: content, "mcp-auth.config.json": json },
      false,
    );
    await mkdir(join(root, "a/b/c"), { recursive: true });
    expect((await loadConfig({ cwd: join(root, "a/b/c"), env: {} })).file).toBe(
      join(root, "mcp-auth.config.json"),
    );
  });

  it("without .git and workspaces, only the working directory is searched", async () => {
    const root = await folder({ "mcp-auth.config.json": json }, false);
    await mkdir(join(root, "a"));
    const { code, message } = await rejectionOf(loadConfig({ cwd: join(root, "a"), env: {} }));
    expect(code).toBe("config_not_found");
    expect(message).toContain(
      `Found ${join(root, "mcp-auth.config.json")}, which is not searched, because without .git or workspaces only the working directory is searched. To use it, `,
    );
  });

  it.each([
    ["mcp-auth.config.js", "A config is data: write it as mcp-auth.config.json, or pass it in code to "],
    ["mcp-auth.config.mts", "A config is data"],
    ["mcp-auth.config.toml", "Write it as mcp-auth.config.json or mcp-auth.config.yaml."],
    ["mcp-auth.json", "Rename it to mcp-auth.config.json."],
    ["mcp_auth.config.json", "Rename it to mcp-auth.config.json."],
    [".mcp-auth.config.json", "Rename it to mcp-auth.config.json."],
    ["mcp-auth-config.yaml", "Rename it to mcp-auth.config.yaml."],
    ["mcp-auht.config.yml", "Rename it to mcp-auth.config.yml."],
    ["MCP-Auth.config.json", "Rename it to mcp-auth.config.json."],
    ["mcp-auth.config.jsonc", "Rename it to mcp-auth.config.json, which may have comments."],
    [
      "mcp-auth.config.json5",
      "Rename it to mcp-auth.config.json, which may have comments and trailing commas.",
    ],
    ["mcp-auth.config", "Rename it to mcp-auth.config.json or mcp-auth.config.yaml."],
    ["mcp-auth.config.json.txt", "Rename it to mcp-auth.config.json."],
    ["mcp-auth.config.dev.json", "If it is the one to use, name it with --config or MCP_AUTH_CONFIG."],
  ])(
    "the error names a file in a searched folder that is not read under its name: %s",
    async (name, remedy) => {
      const root = await folder({ [name]: json });
      await mkdir(join(root, "a"));
      const { code, message } = await rejectionOf(loadConfig({ cwd: join(root, "a"), env: {} }));
      expect(code).toBe("config_not_found");
      expect(message).toContain(`Found ${join(root, name)}, which is not read. ${remedy}`);
    },
  );

  it("the error does not name files that have nothing to do with a config", async () => {
    const names = [".mcp.json", "package.json", "tsconfig.json", "mcp-auth.config.example.json", "auth.json"];
    const cwd = await folder(Object.fromEntries(names.map((name) => [name, "{}"])));
    await mkdir(join(cwd, "mcp-auth"));
    expect((await rejectionOf(loadConfig({ cwd, env: {} }))).message).not.toContain("Found");
  });

  it("the error says that a folder is in the place of the config, as Docker creates one", async () => {
    const cwd = await folder();
    await mkdir(join(cwd, "mcp-auth.config.json"));
    expect((await rejectionOf(loadConfig({ cwd, env: {} }))).message).toContain(
      `Found ${join(cwd, "mcp-auth.config.json")}, which is not read. It is a folder. Docker creates one if `,
    );
    const named = await rejectionOf(loadConfig({ cwd, env: {}, cliPath: "mcp-auth.config.json" }));
    expect(named).toMatchObject({
      code: "config_not_found",
      message: `--config names ${join(cwd, "mcp-auth.config.json")}, which is a folder. Name the file in it.`,
    });
  });

  it("the error for a misspelled path names the file in the same folder that was meant", async () => {
    const cwd = await folder({ "config/agent.json": json });
    const { message } = await rejectionOf(loadConfig({ cwd, env: {}, cliPath: "config/agnet.json" }));
    expect(message).toBe(
      `--config names ${join(cwd, "config/agnet.json")}, which does not exist. Correct the path, or create the file. ` +
        "Did you mean agent.json, which is in the same folder?",
    );
  });

  it("what was found comes before the places that were searched, with how to use it", async () => {
    const root = await folder({
      ...{ "mcp-auth.config.json": json, "a/.git": "gitdir: elsewhere\n", "a/mcp-auth.json": json },
    });
    const cwd = join(root, "a");
    const { message } = await rejectionOf(loadConfig({ cwd, env: {} }));
    const file = join(root, "mcp-auth.config.json");
    const [first, ...lines] = message.split("\n");
    expect(first).toBe("No config found where the search looks.");
    expect(lines.slice(0, 3)).toEqual([
      `Found ${join(cwd, "mcp-auth.json")}, which is not read. Rename it to mcp-auth.config.json.`,
      `Found ${file}, which is not searched, because the search ends at ${cwd}, which has .git. To use it, name it: MCP_AUTH_CONFIG=${file} or --config ${file}.`,
      "Otherwise, create mcp-auth.config.json with `npx mcp-auth-runtime init`, or name the file with --config or " +
        "MCP_AUTH_CONFIG. Looked for:",
    ]);
    expect(lines).toHaveLength(3 + 4);
  });

  it("the error lists every place that was searched", async () => {
    const root = await folder();
    await mkdir(join(root, "a"));
    const { message } = await rejectionOf(loadConfig({ cwd: join(root, "a"), env: {} }));
    expect(message.split("\n")).toHaveLength(1 + 2 * 4);
  });

  it("--config wins over a path in code, which wins over MCP_AUTH_CONFIG, which wins over the search", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": json,
      "cli.json": json,
      "code.yaml": yaml,
      "env.yml": yaml,
    });
    const env = { MCP_AUTH_CONFIG: "env.yml" };
    const all = { cliPath: "cli.json", config: "code.yaml", cwd, env };
    expect((await loadConfig(all)).file).toBe(join(cwd, "cli.json"));
    expect((await loadConfig({ ...all, cliPath: undefined })).file).toBe(join(cwd, "code.yaml"));
    expect((await loadConfig({ cwd, env })).file).toBe(join(cwd, "env.yml"));
    expect((await loadConfig({ cwd, env: { MCP_AUTH_CONFIG: "" } })).file).toBe(
      join(cwd, "mcp-auth.config.json"),
    );
    expect((await loadConfig({ ...all, cliPath: undefined, config: smallest })).file).toBeUndefined();
  });

  it("a reload reads the same file again, even if another one is now nearer or named", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": json,
      "a/mcp-auth.config.json": json,
      "env.json": json,
    });
    const pinned = join(cwd, "mcp-auth.config.json");
    const from = { cwd: join(cwd, "a"), env: { MCP_AUTH_CONFIG: join(cwd, "env.json") }, pinned };
    expect((await loadConfig(from)).file).toBe(pinned);
    expect((await loadConfig({ ...from, config: join(cwd, "env.json") })).file).toBe(pinned);
    const gone = await rejectionOf(loadConfig({ ...from, pinned: join(cwd, "gone.json") }));
    expect(gone.code).toBe("config_not_found");
    expect(gone.message).toContain("gone.json, which does not exist.");
  });

  it("the error for a missing file has the file and the variable that names it", async () => {
    const cwd = await folder({ "mcp-auth.config.json": json });
    const error = await rejectionOf(loadConfig({ cwd, env: { MCP_AUTH_CONFIG: "gone.json" } }));
    expect(error.code).toBe("config_not_found");
    expect(error.message).toContain(join(cwd, "gone.json"));
    expect(error.message).toContain("MCP_AUTH_CONFIG");
  });

  it("two configs in one folder are refused", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": json,
      "package.json": JSON.stringify({ "mcp-auth": smallest }),
    });
    const error = await rejectionOf(loadConfig({ cwd, env: {} }));
    expect(error.code).toBe("config_invalid");
    expect(error.violations).toEqual([
      expect.objectContaining({
        file: join(cwd, "package.json"),
        message: expect.stringContaining("mcp-auth.config.json"),
      }),
    ]);
    expect((await checkConfig({ cwd, env: {} })).violations).toEqual(error.violations);
  });

  it("a config behind a symbolic link is found", async () => {
    const cwd = await folder({ "real/config.json": json });
    await symlink(join(cwd, "real/config.json"), join(cwd, "mcp-auth.config.json"));
    expect((await loadConfig({ cwd, env: {} })).servers.size).toBe(1);
  });

  it("a config that is code is refused", async () => {
    const cwd = await folder({ "mcp-auth.config.js": "throw new Error('was run')" });
    const error = await rejectionOf(loadConfig({ cwd, env: {}, cliPath: "mcp-auth.config.js" }));
    expect(error.code).toBe("config_invalid");
    expect((await rejectionOf(loadConfig({ cwd, env: {} }))).code).toBe("config_not_found");
  });

  it("the search skips a malformed package.json without a config, and reports one with a config", async () => {
    const root = await folder({ "mcp-auth.config.json": json, "a/package.json": '{ "name": ' });
    expect((await loadConfig({ cwd: join(root, "a"), env: {} })).file).toBe(
      join(root, "mcp-auth.config.json"),
    );
    const cwd = await folder({ "package.json": '{\n  "mcp-auth": { "servers": {} }\n  "name": "x" }' });
    const error = await rejectionOf(loadConfig({ cwd, env: {} }));
    expect(error.violations).toEqual([expect.objectContaining({ line: 3, column: 3 })]);
  });

  it("a file that $import names is not loaded", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": JSON.stringify({ $import: "./other.json", ...smallest }),
      "other.json": "this is not even JSON",
    });
    const error = await rejectionOf(loadConfig({ cwd, env: {} }));
    expect(error.violations).toEqual([expect.objectContaining({ pointer: "/$import" })]);
  });
});
