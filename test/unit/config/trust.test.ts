// The search uses a config only if all users who can change or replace it are trusted. Tests that need a second user
// are in test/second-user.
import { execFileSync } from "node:child_process";
import { chmod, lstat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { asyncFileSystem } from "../../../src/config/async-file-system.js";
import { createConfigLoader } from "../../../src/config/cosmiconfig.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { isWindowsRoot } from "../../../src/config/project-folders.js";
import { createTrust, findFileProblems } from "../../../src/config/trust.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { folder, smallest } from "./folder.js";

const json = JSON.stringify(smallest);
const name = "mcp-auth.config.json";

/** Sets the mode of each path. Callers list the deepest paths first, so that each can still be reached. */
async function modes(root: string, given: Readonly<Record<string, number>>): Promise<void> {
  for (const [path, mode] of Object.entries(given)) await chmod(join(root, path), mode);
}

const search = (cwd: string) => loadConfig({ cwd, env: {} });
const refusal = async (cwd: string) => {
  const error = await rejectionOf(search(cwd));
  expect(error.code).toBe("config_invalid");
  return error.message;
};

describe("configs that the search uses", () => {
  it("the search uses a config in group-writable folders, as with a umask of 002", async () => {
    const root = await folder({ [name]: json, "a/b/x": "" });
    await modes(root, { [name]: 0o664, "a/b": 0o775, a: 0o775, "": 0o775 });
    const spec = await search(join(root, "a/b"));
    expect(spec).toMatchObject({ file: join(root, name), named: false, warnings: [] });
    expect(spec.commands).toBeUndefined();
  });

  it("the search uses a config in a sticky world-writable working directory, such as /tmp", async () => {
    const root = await folder({ [name]: json }, false);
    await modes(root, { "": 0o1777 });
    expect((await search(root)).file).toBe(join(root, name));
  });

  it("the search uses a config behind the links of a ConfigMap", async () => {
    const root = await folder({ "..2026_11_28/mcp-auth.config.json": json });
    await symlink("..2026_11_28", join(root, "..data"));
    await symlink(join("..data", name), join(root, name));
    expect((await search(root)).file).toBe(join(root, name));
  });

  it("the search uses a config in or above a working directory that is a link, by the path as it was given", async () => {
    const root = await folder({
      [name]: json,
      "real/project/x": "",
      "releases/5/mcp-auth.config.json": json,
    });
    await symlink(join(root, "real/project"), join(root, "link"));
    await symlink("releases/5", join(root, "current"));
    expect((await search(join(root, "link"))).file).toBe(join(root, name));
    expect((await search(join(root, "current"))).file).toBe(join(root, "current", name));
  });

  it("the search uses a config behind a link through a sticky world-writable folder", async () => {
    const root = await folder({ "open/real.json": json });
    await symlink("open/real.json", join(root, name));
    await modes(root, { open: 0o1777 });
    expect((await search(root)).file).toBe(join(root, name));
  });
});

describe("configs that the search refuses", () => {
  it("the search refuses a world-writable config, and says how to change the mode or name the config", async () => {
    const root = await folder({ [name]: json });
    await modes(root, { [name]: 0o646 });
    const message = await refusal(root);
    const file = join(root, name);
    expect(message).toContain(`${file} is world-writable (mode 0646)`);
    expect(message).toContain(`Run chmod o-w ${file}, or if you trust it, name it: `);
    expect(message).toContain(`MCP_AUTH_CONFIG=${file} or --config ${file}.`);
    const { violations, warnings } = await checkConfig({ cwd: root, env: {} });
    expect(violations).toEqual([expect.objectContaining({ file })]);
    expect(warnings).toEqual([]);
  });

  it("the search refuses a config in a world-writable working directory, as with a umask of 0000 or on a mounted drive", async () => {
    const root = await folder({ [name]: json });
    await modes(root, { [name]: 0o777, "": 0o777 });
    const message = await refusal(root);
    expect(message).toContain(
      `${join(root, name)} is world-writable (mode 0777), and ${root} is world-writable (mode 0777)`,
    );
    expect(message).toContain(`MCP_AUTH_CONFIG=${join(root, name)} or --config ${join(root, name)}.`);
  });

  it("the search refuses a config in a world-writable folder above the working directory", async () => {
    const root = await folder({ [name]: json, "a/x": "" });
    await modes(root, { "": 0o1777 });
    expect(await refusal(join(root, "a"))).toContain(`${root} is world-writable (mode 1777)`);
  });

  it("the search refuses a config in a world-writable package.json, and skips a package.json without one", async () => {
    const root = await folder({ "package.json": JSON.stringify({ "mcp-auth": smallest }) });
    await modes(root, { "package.json": 0o666 });
    expect(await refusal(root)).toContain("(mode 0666)");
    await writeFile(join(root, "package.json"), '{ "name": "agent" }');
    expect((await rejectionOf(search(root))).code).toBe("config_not_found");
  });

  it("the search refuses a config in a ConfigMap folder with mode 0777", async () => {
    const root = await folder({ "map/..2026/mcp-auth.config.json": json }, false);
    await symlink("..2026", join(root, "map/..data"));
    await symlink(join("..data", name), join(root, "map", name));
    await modes(root, { map: 0o777 });
    expect(await refusal(join(root, "map"))).toContain(`${join(root, "map")} is world-writable`);
  });

  it.each([
    ["absolute", (root: string) => join(root, "open/way/real.json")],
    ["relative", () => "../project/../open/way/real.json"],
  ])(
    "the search refuses a config behind a link through a world-writable folder (%s)",
    async (_kind, target) => {
      const root = await folder({ "open/way/real.json": json, "project/.git": "" }, false);
      await symlink(target(root), join(root, "project", name));
      await modes(root, { open: 0o777 });
      expect(await refusal(join(root, "project"))).toContain(`${join(root, "open")} is world-writable`);
    },
  );

  it("the search refuses a config in a folder that is a link through a world-writable folder", async () => {
    const root = await folder({ "open/project/mcp-auth.config.json": json }, false);
    await symlink(join(root, "open/project"), join(root, "link"));
    await modes(root, { open: 0o777 });
    expect(await refusal(join(root, "link"))).toContain(`${join(root, "open")} is world-writable`);
  });

  it("the error for a refused config quotes its path for a shell", async () => {
    const root = await folder({ "it's $(id)/.git": "", [`it's $(id)/${name}`]: json });
    await modes(root, { [`it's $(id)/${name}`]: 0o666 });
    expect(await refusal(join(root, "it's $(id)"))).toContain(`--config '${root}/it'\\''s $(id)/${name}'.`);
  });
});

describe("a world-writable folder", () => {
  it("a world-writable folder ends the search even if it has no config", async () => {
    const root = await folder({ [name]: json, "open/a/x": "" });
    await modes(root, { open: 0o777 });
    const { code, message } = await rejectionOf(search(join(root, "open/a")));
    expect(code).toBe("config_not_found");
    const why = `the search ends below ${join(root, "open")}: ${join(root, "open")} is world-writable (mode 0777)`;
    expect(message).toContain(
      `Found ${join(root, name)}, which is not searched, because ${why}. To use it, `,
    );
  });

  it("a world-writable working directory without a config is named in the error", async () => {
    const root = await folder();
    await modes(root, { "": 0o777 });
    const { code, message } = await rejectionOf(search(root));
    expect(code).toBe("config_not_found");
    expect(message).toContain(`\nNot searched: ${root} (${root} is world-writable (mode 0777))`);
  });

  it.each([".git", "pnpm-workspace.yaml"])(
    "a world-writable folder does not extend the search by its %s",
    async (marker) => {
      // Without it, only the working directory is searched.
      const files = { [`open/${marker}`]: "", [`open/me/${name}`]: json, "open/me/project/x": "" };
      const root = await folder(files, false);
      await modes(root, { open: 0o1777 });
      const { code, message } = await rejectionOf(search(join(root, "open/me/project")));
      expect(code).toBe("config_not_found");
      expect(message).toContain(
        `Found ${join(root, "open/me", name)}, which is not searched, because the search ends below ${join(root, "open")}: `,
      );
    },
  );

  it("a world-writable folder is not mentioned if the search would not reach it", async () => {
    const root = await folder({ [name]: json, "me/x": "" }, false);
    await modes(root, { "": 0o1777 });
    expect((await rejectionOf(search(join(root, "me")))).code).toBe("config_not_found");
  });
});

describe("a config that the user names", () => {
  it.each([
    ["the file", { [name]: 0o666, "": 0o755 }, [name]],
    ["the folder", { [name]: 0o644, "": 0o777 }, [""]],
    ["both, as on a mounted drive", { [name]: 0o777, "": 0o777 }, [name, ""]],
    ["neither, in a folder such as /tmp", { [name]: 0o644, "": 0o1777 }, []],
  ])(
    "a config that the user names is used, with a warning about world-writable paths: %s",
    async (_what, given, named) => {
      const root = await folder({ [name]: json });
      await modes(root, given);
      const file = join(root, name);
      const ways = [
        { cliPath: name, env: {} },
        { config: file, env: {} },
        { env: { MCP_AUTH_CONFIG: name } },
        { pinned: file, pinnedByName: true, env: {} },
      ];
      for (const way of ways) {
        const spec = await loadConfig({ cwd: root, ...way });
        expect(spec).toMatchObject({ file, named: true });
        expect(spec.commands).toBeUndefined();
        expect(spec.warnings?.length).toBe(named.length === 0 ? 0 : 1);
        for (const path of named) {
          expect(spec.warnings?.join()).toContain(`${join(root, path)} is world-writable`);
        }
      }
    },
  );

  it("a config that the user names gets a warning for the folder of its link and for the folder of the real file", async () => {
    const root = await folder({ "map/..2026/mcp-auth.config.json": json });
    await symlink(join("..2026", name), join(root, "map", name));
    await modes(root, { map: 0o777 });
    const { warnings } = await loadConfig({ cwd: root, env: {}, cliPath: join("map", name) });
    expect(warnings).toEqual([
      `anyone on this machine can change the config ${join(root, "map", name)}: ${join(root, "map")} is world-writable (mode 0777).`,
    ]);
  });
});

it("the trust of a found config and its folders is checked again when it is read again", async () => {
  const root = await folder({ [name]: json, "a/x": "" });
  const again = { cwd: join(root, "a"), env: {}, pinned: join(root, name) };
  expect((await loadConfig(again)).named).toBe(false);
  await modes(root, { a: 0o777 });
  const error = await rejectionOf(loadConfig(again));
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain(`${join(root, "a")} is world-writable (mode 0777)`);
  expect((await loadConfig({ ...again, pinnedByName: true })).named).toBe(true);
});

describe("the trust check applies to the file that was read", () => {
  it("a path that now leads to another file is reported as changed", async () => {
    const root = await folder({ [name]: json, "other.json": json });
    const trust = await createTrust(root, asyncFileSystem);
    const own = await lstat(join(root, name), { bigint: true });
    const other = await lstat(join(root, "other.json"), { bigint: true });
    expect(await findFileProblems(join(root, name), own, [root], trust)).toEqual([]);
    expect(await findFileProblems(join(root, name), other, [root], trust)).toBe("changed");
    expect(await findFileProblems(join(root, "gone.json"), other, [root], trust)).toBe("changed");
  });

  it("the text that cosmiconfig reads itself is not used", async () => {
    const root = await folder({
      [name]: "swapped",
      "package.json": JSON.stringify({ "mcp-auth": "swapped" }),
    });
    const stats = await lstat(root, { bigint: true });
    const load = await createConfigLoader();
    expect(await load(join(root, name), { text: json, stats })).toBe(json);
    expect(await load(join(root, "package.json"), { text: "{}", stats })).toBeUndefined();
  });
});

describe("a file that is not regular, or too large", () => {
  it.each([
    ["a pipe in place of a config", name, "config_invalid"],
    ["a pipe in place of a package.json", "package.json", "config_invalid"],
    ["a pipe in place of a package.json above the working directory", "../package.json", "config_not_found"],
  ])("the search does not wait for %s", async (_what, place, code) => {
    const root = await folder({ "a/x": "" }, false);
    execFileSync("mkfifo", [join(root, "a", place)]);
    expect((await rejectionOf(search(join(root, "a")))).code).toBe(code);
  });

  it("the runtime does not wait for a pipe that the user names as the config", async () => {
    const root = await folder();
    execFileSync("mkfifo", [join(root, "pipe.json")]);
    const error = await rejectionOf(loadConfig({ cwd: root, env: {}, cliPath: "pipe.json" }));
    expect(error.message).toContain("This is not a regular file");
  });

  it("a config can have 16 MiB and not one byte more", async () => {
    const most = 16 * 1024 * 1024;
    const root = await folder({ [name]: json.padEnd(most, " ") });
    expect((await search(root)).servers.size).toBe(1);
    await writeFile(join(root, name), json.padEnd(most + 1, " "));
    for (const cliPath of [undefined, name]) {
      const error = await rejectionOf(loadConfig({ cwd: root, env: {}, cliPath }));
      expect(error.code).toBe("config_invalid");
      expect(error.message).toContain("The file is larger than 16 MiB");
    }
  });
});

it.each([
  ["C:\\", true],
  ["c:/", true],
  ["\\\\server\\share\\", true],
  ["\\\\server\\share", true],
  ["\\\\?\\C:\\", true],
  ["\\\\?\\Volume{0a1b}\\", true],
  ["\\\\?\\UNC\\server\\share", true],
  ["\\\\?\\unc\\server\\share\\", true],
  ["//server/share", true],
  ["C:\\.\\", true],
  ["C:/agent/..", true],
  ["\\\\?\\UNC\\server\\share\\agent", false],
  ["\\\\?\\C:\\agent", false],
  ["C:/agent\\sub", false],
  ["\\", true],
  ["C:\\agent", false],
  ["\\\\server\\share\\agent", false],
  ["agent", false],
])("on Windows, the root of a drive or share is not searched: %s is a root: %s", (path, expected) => {
  expect(isWindowsRoot(path)).toBe(expected);
});

it("no config is found in a working directory that does not exist", async () => {
  const root = await folder({ "a/x": "" });
  expect((await rejectionOf(search(join(root, "a/gone")))).code).toBe("config_not_found");
});
