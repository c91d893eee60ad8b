// Which imported files are read: those that are trusted as a config is, or that a person named, within `allow`.
import { chmod, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { asyncFileSystem } from "../../../src/config/async-file-system.js";
import type { FileSystem } from "../../../src/config/file-system.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { allowRules } from "../../../src/lib/allow.js";
import type { Allow } from "../../../src/lib/permissions.js";
import { client, folder } from "./folder.js";

const url = "https://mcp.example/mcp";
const name = "mcp-auth.config.json";
const host = JSON.stringify({ mcpServers: { crm: { url } } });
const config = (path: string) => ({ import: path, servers: { crm: { grant: { client } } } });
const importing = (path: string) => JSON.stringify(config(path));

const urlOf = async (cwd: string, options: object = {}) =>
  (await loadConfig({ cwd, env: {}, ...options })).servers.url("crm");

/** Returns the only violation of the config that the search finds. */
async function refusal(cwd: string, options: object = {}) {
  const { violations, spec } = await checkConfig({ cwd, env: {}, ...options });
  expect(spec).toBeUndefined();
  expect(violations).toHaveLength(1);
  const [violation] = violations;
  return `${violation?.pointer} ${violation?.message}. ${violation?.hint}`;
}

describe("an import of a config that the search finds", () => {
  test("an imported file that everybody can change is refused, and the remedy names the config", async () => {
    const cwd = await folder({ [name]: importing(".mcp.json"), ".mcp.json": host });
    const file = join(cwd, ".mcp.json");
    await chmod(file, 0o646);
    const config = join(cwd, name);
    expect(await refusal(cwd)).toBe(
      `/import The search found this config, and "${file}", which it imports, is not trusted: ${file} is world-writable (mode 0646). ` +
        `Run chmod o-w ${file}, or if you trust it, name the config: MCP_AUTH_CONFIG=${config} or --config ${config}`,
    );
  });

  test("an imported file in a folder that everybody can change is refused, sticky or not", async () => {
    for (const mode of [0o777, 0o1777]) {
      const cwd = await folder({ [name]: importing("open/deep/mcp.json"), "open/deep/mcp.json": host });
      await chmod(join(cwd, "open"), mode);
      expect(await refusal(cwd)).toContain(`${join(cwd, "open")} is world-writable`);
    }
  });

  test("an imported file beside the config in a sticky working directory, such as /tmp, is read", async () => {
    const cwd = await folder({ [name]: importing("./.mcp.json"), ".mcp.json": host }, false);
    await chmod(cwd, 0o1777);
    expect(await urlOf(cwd)).toBe(url);
  });

  test("an imported file above or beside the folder of the config is read", async () => {
    const root = await folder({
      [`project/${name}`]: importing("../shared/deep/mcp.json"),
      "shared/deep/mcp.json": host,
      "project/sub/x": "",
    });
    expect(await urlOf(join(root, "project"))).toBe(url);
    await chmod(join(root, "shared"), 0o777);
    expect(await refusal(join(root, "project"))).toContain(`${join(root, "shared")} is world-writable`);
    await writeFile(join(root, "project", name), importing(join(root, "mcp.json")));
    await writeFile(join(root, "mcp.json"), host);
    expect(await urlOf(join(root, "project"))).toBe(url);
  });

  test("a link to a trusted file is followed, and one through a folder that everybody can change is refused", async () => {
    const cwd = await folder({
      [name]: importing(".mcp.json"),
      "real/mcp.json": host,
      "open/mcp.json": host,
    });
    await symlink("real/mcp.json", join(cwd, ".mcp.json"));
    expect(await urlOf(cwd)).toBe(url);
    await chmod(join(cwd, "open"), 0o777);
    await symlink("open/mcp.json", join(cwd, "next"));
    await rename(join(cwd, "next"), join(cwd, ".mcp.json"));
    expect(await refusal(cwd)).toContain(`${join(cwd, "open")} is world-writable`);
  });

  test("a link that leads to itself is one violation", async () => {
    const cwd = await folder({ [name]: importing(".mcp.json") });
    await symlink(".mcp.json", join(cwd, ".mcp.json"));
    expect(await refusal(cwd)).toContain("the file cannot be read (ELOOP)");
  });

  test("a file that is replaced after it was read is read again, and the new content counts", async () => {
    const cwd = await folder({ [name]: importing(".mcp.json"), ".mcp.json": host });
    const file = join(cwd, ".mcp.json");
    let reads = 0;
    const fs: FileSystem = {
      ...asyncFileSystem,
      async read(path, limit) {
        const outcome = await asyncFileSystem.read(path, limit);
        if (path !== file) return outcome;
        reads += 1;
        if (reads > 1) return outcome;
        await writeFile(join(cwd, "next"), host.replace("mcp.example", "other.example"));
        await rename(join(cwd, "next"), file);
        return outcome;
      },
    };
    expect(await urlOf(cwd, { fs })).toBe("https://other.example/mcp");
    expect(reads).toBe(2);
  });

  test("a reload checks the trust of the imported file again", async () => {
    const cwd = await folder({ [name]: importing(".mcp.json"), ".mcp.json": host });
    const { file, named } = await loadConfig({ cwd, env: {} });
    await chmod(join(cwd, ".mcp.json"), 0o666);
    expect(await refusal(cwd, { pinned: file, pinnedByName: named })).toContain("world-writable");
  });
});

describe("an import of a config that a person named, or of a config in code", () => {
  const warning = (file: string) =>
    `anyone on this machine can change the imported file ${file}: ${file} is world-writable (mode 0666).`;

  test("the file is read as it is, with a warning if everybody can change it", async () => {
    const cwd = await folder({ [name]: importing(".mcp.json"), ".mcp.json": host });
    const file = join(cwd, ".mcp.json");
    await chmod(file, 0o666);
    const options = [
      { cliPath: name },
      { config: join(cwd, name) },
      { env: { MCP_AUTH_CONFIG: name } },
      { config: config(".mcp.json") },
    ];
    for (const each of options) {
      const spec = await loadConfig({ cwd, env: {}, ...each });
      expect(spec.servers.url("crm")).toBe(url);
      expect(spec.warnings).toEqual([warning(file)]);
      expect(spec.commands).toBeUndefined();
      expect((await checkConfig({ cwd, env: {}, ...each })).warnings).toEqual([warning(file)]);
    }
  });

  test("a mistake in the file of a config in code is reported with its position", async () => {
    const cwd = await folder({ ".mcp.json": '{\n  "mcpServers": { "crm": { "url": "x" } }\n}' });
    const { violations } = await checkConfig({ cwd, env: {}, config: config(".mcp.json") });
    expect(violations).toMatchObject([
      { file: join(cwd, ".mcp.json"), line: 2, column: 35, pointer: "/mcpServers/crm/url" },
    ]);
  });
});

describe("an import confined by `allow`", () => {
  const allowed: Allow = {
    env: ["CRM_SECRET"],
    files: [".mcp.json"],
    origins: ["https://mcp.example", "https://auth.example"],
  };
  const options = (cwd: string, allow: Allow, path = ".mcp.json") => ({
    config: config(path),
    allow: allowRules(allow, cwd),
  });

  test("a file that `allow.files` names is read, and the origin of its URL must be allowed", async () => {
    const cwd = await folder({ ".mcp.json": host });
    expect(await urlOf(cwd, options(cwd, allowed))).toBe(url);
    const others = { ...allowed, origins: ["https://auth.example"] };
    expect(await refusal(cwd, options(cwd, others))).toContain(
      "/mcpServers/crm/url `allow.origins` does not include the origin of this URL",
    );
  });

  test("a variable in the imported URL must be in `allow.env`", async () => {
    const cwd = await folder({ ".mcp.json": host.replace("example/mcp", "example/${GITHUB_TOKEN:-x}") });
    expect(await refusal(cwd, { ...options(cwd, allowed), env: { GITHUB_TOKEN: "canary" } })).toContain(
      "/mcpServers/crm/url `allow.env` does not have the variable GITHUB_TOKEN",
    );
  });

  test("a variable in the path must be in `allow.env`, and its value is not shown", async () => {
    const cwd = await folder({ ".mcp.json": host });
    const rules = { ...allowed, files: ["/"] };
    const env = { GITHUB_TOKEN: "canary" };
    const refused = await refusal(cwd, { ...options(cwd, rules, "${GITHUB_TOKEN}"), env });
    expect(refused).toContain("/import `allow.env` does not have the variable GITHUB_TOKEN");
    expect(refused).not.toContain("canary");
  });

  test("a file that `allow.files` does not name is not opened, and the message does not tell whether it exists", async () => {
    const cwd = await folder({ "private.json": host, ".mcp.json": host });
    const opened: string[] = [];
    const fs: FileSystem = {
      ...asyncFileSystem,
      read(path, limit) {
        opened.push(path);
        return asyncFileSystem.read(path, limit);
      },
    };
    const refused = await refusal(cwd, { ...options(cwd, allowed, "private.json"), fs });
    expect(refused).toContain("/import `allow.files` does not include this path");
    expect(await refusal(cwd, { ...options(cwd, allowed, "missing.json"), fs })).toBe(refused);
    expect(opened).toEqual([]);
  });

  test("a link is compared by where it leads, also if it is changed while the config is loaded", async () => {
    const cwd = await folder({ "private.json": host, "real.json": host });
    await symlink("private.json", join(cwd, ".mcp.json"));
    const rules = { ...allowed, files: ["real.json"] };
    expect(await refusal(cwd, options(cwd, rules))).toContain("`allow.files` does not include this path");
    await symlink("real.json", join(cwd, "next"));
    await rename(join(cwd, "next"), join(cwd, ".mcp.json"));
    expect(await urlOf(cwd, options(cwd, rules))).toBe(url);
    const fs: FileSystem = {
      ...asyncFileSystem,
      async read(path, limit) {
        await symlink("private.json", join(cwd, "next"));
        await rename(join(cwd, "next"), join(cwd, ".mcp.json"));
        const outcome = await asyncFileSystem.read(path, limit);
        await symlink("real.json", join(cwd, "back"));
        await rename(join(cwd, "back"), join(cwd, ".mcp.json"));
        return outcome;
      },
    };
    expect(await refusal(cwd, { ...options(cwd, rules), fs })).toContain(
      "`allow.files` does not include this path",
    );
  });
});

test("a config without `import` reads no other file", async () => {
  const cwd = await folder({
    [name]: JSON.stringify({ servers: { crm: { url, grant: { client } } } }),
    ".mcp.json": host,
  });
  await mkdir(join(cwd, ".vscode"));
  const opened: string[] = [];
  const fs: FileSystem = {
    ...asyncFileSystem,
    read(path, limit) {
      opened.push(path);
      return asyncFileSystem.read(path, limit);
    },
  };
  expect(await urlOf(cwd, { fs })).toBe(url);
  expect(opened.filter((path) => !/(package\.json|mcp-auth\.config\.\w+)$/.test(path))).toEqual([]);
});
