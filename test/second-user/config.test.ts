// Another user places a config where the search finds it. No command of that config may run, and no config that is
// reached through that user's links or folders.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { createMcpAuth } from "../../src/index.js";
import { sendJson, startHttpServer } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { command } from "../unit/cli/command.js";

const root = 0;
const nobody = 65_534;
const somebody = 1_000;
const name = "mcp-auth.config.json";

/** Creates a folder that everybody may pass through. It is removed after the test. */
async function createFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await chmod(folder, 0o755);
  return folder;
}

/** Creates a folder that belongs to a user, or a file if there is a text. */
async function make(
  path: string,
  uid: number,
  content: { text?: string; mode?: number } = {},
): Promise<string> {
  const { text, mode = text === undefined ? 0o755 : 0o644 } = content;
  if (text === undefined) await mkdir(path);
  else await writeFile(path, text);
  await chmod(path, mode);
  await chown(path, uid, uid);
  return path;
}

/** Runs a shell script as a user. The arguments are `$1`, `$2`, … */
function runAs(uid: number, script: string, ...args: string[]): void {
  execFileSync("/bin/sh", ["-ec", script, "sh", ...args], { uid, gid: uid, cwd: "/", stdio: "pipe" });
}

async function actingAs<T>(uid: number, work: () => Promise<T>): Promise<T> {
  if (process.setegid === undefined || process.seteuid === undefined) throw new Error("This needs POSIX.");
  process.setegid(uid);
  process.seteuid(uid);
  try {
    return await work();
  } finally {
    process.seteuid(root);
    process.setegid(root);
  }
}

// The other user may not be able to read the sources, so one search loads the modules beforehand.
beforeAll(async () => {
  const cwd = await realpath(await mkdtemp(join(tmpdir(), "mcp-auth-users-")));
  await writeFile(join(cwd, name), withCommand(["true"]));
  await search(cwd);
  await rm(cwd, { recursive: true });
});

/** A config whose token is the output of a command. */
const withCommand = (exec: readonly string[], server = "crm") =>
  JSON.stringify({
    servers: {
      [server]: { url: "https://crm.example/mcp", grant: { type: "static", token: { exec } } },
    },
  });
/** A config whose command creates the file `trace`. */
const withTracingCommand = (trace: string) =>
  withCommand(["/bin/sh", "-c", 'touch "$1"; echo token', "sh", trace]);

const search = (cwd: string) => loadConfig({ cwd, env: {} });

const remedy = (file: string) => `MCP_AUTH_CONFIG=${file} or --config ${file}`;

describe("a search as root", () => {
  test("root does not use a config that another user put next to a .git in a shared folder above the working directory", async () => {
    const folder = await createFolder();
    const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
    const cwd = await make(join(shared, "project"), root);
    const [file, trace] = [join(shared, name), join(folder, "trace")];
    runAs(nobody, 'mkdir "$1/.git"; printf %s "$2" >"$1/$3"', shared, withTracingCommand(trace), name);
    const { code, out, err } = await command(["validate", "--secrets"], { cwd, env: { PATH: "/bin" } });
    expect([code, existsSync(trace)]).toEqual([2, false]);
    expect(out).toContain(`${file} belongs to nobody (uid ${nobody})`);
    expect(out).toContain(`${shared} is world-writable (mode 1777)`);
    expect(out).toContain(remedy(file));
    expect(err).toBe("1 mistake\n");
    const error = await rejectionOf(search(cwd));
    expect(error.code).toBe("config_invalid");
  });

  test("root does not use a config in another user's folder above the working directory", async () => {
    const folder = await createFolder();
    const above = await make(join(folder, "above"), nobody);
    const cwd = await make(join(above, "project"), root);
    runAs(
      nobody,
      'mkdir "$1/.git"; printf %s "$2" >"$1/$3"',
      above,
      withTracingCommand(join(folder, "trace")),
      name,
    );
    const { code, message } = await rejectionOf(search(cwd));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${above} belongs to nobody (uid ${nobody})`);
  });

  test("root does not use another user's config in a folder of root", async () => {
    const cwd = await createFolder();
    await make(join(cwd, name), nobody, { text: withTracingCommand(join(cwd, "trace")) });
    const { code, message } = await rejectionOf(search(cwd));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${join(cwd, name)} belongs to nobody (uid ${nobody})`);
    expect(message).toContain(remedy(join(cwd, name)));
  });

  test("root does not use its own config through another user's link, from whose folder a relative command would run", async () => {
    const folder = await createFolder();
    const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
    const ownFolder = await make(join(folder, "own"), root);
    const file = await make(join(ownFolder, name), root, { text: withCommand(["./secret.sh"]) });
    const trace = join(folder, "trace");
    const planted = `#!/bin/sh\ntouch ${trace}\necho token\n`;
    runAs(
      nobody,
      'ln -s "$2" "$1/$3"; printf %s "$4" >"$1/secret.sh"; chmod 755 "$1/secret.sh"',
      shared,
      file,
      name,
      planted,
    );
    const { code, out } = await command(["validate", "--secrets"], { cwd: shared });
    expect([code, existsSync(trace)]).toEqual([2, false]);
    expect(out).toContain(`${join(shared, name)} belongs to nobody (uid ${nobody})`);
  });

  test("root does not use its own config through its own link that leads through another user's link", async () => {
    const folder = await createFolder();
    const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
    const cwd = await make(join(folder, "project"), root);
    const file = await make(join(folder, "other.json"), root, {
      text: withTracingCommand(join(folder, "trace")),
    });
    runAs(nobody, 'ln -s "$2" "$1/hop"', shared, file);
    await symlink(join(shared, "hop"), join(cwd, name));
    const { code, message } = await rejectionOf(search(cwd));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${join(shared, "hop")} belongs to nobody (uid ${nobody})`);
  });

  test("root does not use its own config through a link that leads through another user's folder", async () => {
    const folder = await createFolder();
    const theirs = await make(join(folder, "theirs"), nobody);
    await make(join(theirs, "own"), root);
    await make(join(theirs, "own", name), root, { text: withTracingCommand(join(folder, "trace")) });
    const cwd = await make(join(folder, "project"), root);
    await symlink(join("..", "theirs", "own", name), join(cwd, name));
    const { code, message } = await rejectionOf(search(cwd));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${theirs} belongs to nobody (uid ${nobody})`);
  });

  test("root does not find a config of another project because of a .git that another user created", async () => {
    const folder = await createFolder();
    const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
    const ownFolder = await make(join(shared, "own"), root);
    const cwd = await make(join(ownFolder, "project"), root);
    await make(join(ownFolder, name), root, { text: withTracingCommand(join(folder, "trace")) });
    runAs(nobody, 'mkdir "$1/.git"', shared);
    const { code, message } = await rejectionOf(search(cwd));
    expect(code).toBe("config_not_found");
    expect(message).toContain(
      `Found ${join(ownFolder, name)}, which is not searched, because the search ends below ${shared}: `,
    );
  });

  test("root does not use a config below a link that another user put in place of a folder", async () => {
    const folder = await createFolder();
    const theirs = await make(join(folder, "theirs"), nobody);
    const ownFolder = await make(join(folder, "own"), root);
    await make(join(ownFolder, name), root, { text: withCommand(["./secret.sh"]) });
    runAs(nobody, 'ln -s "$2" "$1/project"', theirs, ownFolder);
    const { code, message } = await rejectionOf(search(join(theirs, "project")));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${join(theirs, "project")} belongs to nobody (uid ${nobody})`);
  });
});

describe("a file that root's config imports", () => {
  const host = JSON.stringify({ mcpServers: { crm: { url: "https://evil.example/mcp" } } });
  const importing = (path: string) =>
    JSON.stringify({
      import: path,
      servers: { crm: { grant: { type: "static", token: { exec: ["/bin/echo", "t"] } } } },
    });

  test("a file of another user is not imported, nor one in a folder or behind a link of another user", async () => {
    const folder = await createFolder();
    const cwd = await make(join(folder, "project"), root);
    const theirs = await make(join(folder, "theirs"), nobody);
    const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
    await make(join(theirs, "own.json"), root, { text: host });
    await make(join(cwd, "theirs.json"), nobody, { text: host });
    await make(join(cwd, "real.json"), root, { text: host });
    runAs(nobody, 'ln -s "$1" "$2/link.json"', join(cwd, "real.json"), shared);
    for (const [path, culprit] of [
      ["theirs.json", join(cwd, "theirs.json")],
      ["../theirs/own.json", theirs],
      ["../shared/link.json", join(shared, "link.json")],
    ] as const) {
      await writeFile(join(cwd, name), importing(path));
      const { code, message } = await rejectionOf(search(cwd));
      expect(code).toBe("config_invalid");
      expect(message).toContain(`${culprit} belongs to nobody (uid ${nobody})`);
      expect(message).toContain(`name the config: ${remedy(join(cwd, name))}`);
      expect((await loadConfig({ cwd, env: {}, cliPath: name })).servers.url("crm")).toContain("evil");
    }
  });

  test("a file of the owner of the working directory is imported, and no command runs", async () => {
    const folder = await createFolder();
    const project = await make(join(folder, "project"), root);
    await make(join(project, ".git"), root);
    const cwd = await make(join(project, "theirs"), somebody);
    const file = await make(join(project, name), root, { text: importing("theirs/mcp.json") });
    await make(join(cwd, "mcp.json"), somebody, { text: host });
    const { servers, commands } = await search(cwd);
    expect(servers.url("crm")).toBe("https://evil.example/mcp");
    expect(commands?.forbidden).toContain(`it imports ${join(cwd, "mcp.json")}`);
    const result = await command(["token", "crm"], { cwd });
    expect([result.code, result.out]).toEqual([2, ""]);
    expect(result.err).toContain(remedy(file));
  });
});

test("root does not use a config if another user's link is in the middle of the path of the working directory", async () => {
  const folder = await createFolder();
  const shared = await make(join(folder, "shared"), root, { mode: 0o1777 });
  const ownFolder = await make(join(folder, "own"), root);
  await make(join(ownFolder, "sub"), root);
  await make(join(ownFolder, "sub", name), root, { text: withCommand(["./tool"]) });
  runAs(nobody, 'ln -s "$1" "$2"', ownFolder, join(shared, "link"));
  const error = await rejectionOf(search(join(shared, "link", "sub")));
  expect(error).toMatchObject({ code: "config_invalid" });
  expect(error.message).toContain("nobody");
});

test("root runs no command of another user's config while that user swaps the working directory again and again", async () => {
  const folder = await createFolder();
  const theirs = await make(join(folder, "theirs"), nobody);
  const cwd = await make(join(theirs, "project"), root);
  await make(join(cwd, name), root, { text: withCommand(["true"], "own") });
  runAs(nobody, 'mkdir "$1/evil"; printf %s "$2" >"$1/evil/$3"', theirs, withCommand(["true"], "evil"), name);
  const swapper = spawn(
    "/bin/sh",
    [
      "-c",
      'cd "$1"; echo; while :; do mv project kept; mv evil project; mv project evil; mv kept project; done',
      "sh",
      theirs,
    ],
    { uid: nobody, gid: nobody, cwd: "/", detached: true, stdio: ["ignore", "pipe", "ignore"] },
  );
  onTestFinished(async () => {
    const closed = once(swapper, "close");
    // The whole process group, including the running `mv`.
    if (swapper.pid !== undefined) process.kill(-swapper.pid, "SIGKILL");
    await closed;
  });
  await once(swapper.stdout, "data");
  const seen = new Set<string>();
  for (let round = 0; round < 500; round += 1) {
    try {
      const { servers, commands } = await search(cwd);
      for (const server of servers.names) {
        seen.add(server);
        if (server === "evil") expect(commands?.forbidden).toContain("nobody");
      }
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^config_(invalid|not_found)$/) });
    }
  }
  expect(seen).toContain("own");
});

describe("a config in another user's working directory, such as a checkout in a container that runs as root", () => {
  async function checkout(token: object) {
    const folder = await createFolder();
    const project = await make(join(folder, "project"), somebody);
    await make(join(project, ".git"), somebody);
    const cwd = await make(join(project, "packages"), somebody);
    const config = { servers: { crm: { url: "https://crm.example/mcp", grant: { type: "static", token } } } };
    const file = await make(join(project, name), somebody, { text: JSON.stringify(config) });
    return { folder, cwd, file };
  }

  test("a config in another user's working directory is used without commands", async () => {
    const { cwd, file } = await checkout({ env: "TOKEN" });
    const result = await command(["token", "crm"], { cwd, env: { TOKEN: "t" } });
    expect(result).toEqual({ code: 0, out: "t\n", err: "" });
    const spec = await search(cwd);
    expect(spec).toMatchObject({ file, named: false });
    expect(spec.commands?.forbidden).toContain(remedy(file));
  });

  test.each([
    ["token", "crm"],
    ["validate", "--secrets"],
  ])(
    "a command of a config in another user's working directory fails with the remedy: %s %s",
    async (...argv) => {
      const { folder, cwd, file } = await checkout({ exec: ["/bin/sh", "-c", "touch ../../trace; echo t"] });
      const result = await command(argv, { cwd, env: { MCP_AUTH_ALLOW_EXEC: "1", PATH: "/bin" } });
      expect([result.code, existsSync(join(folder, "trace"))]).toEqual([2, false]);
      expect(result.out + result.err).toContain(`commands of the config ${file} are not run`);
      expect(result.out + result.err).toContain(`${cwd} belongs to `);
      expect(result.out + result.err).toContain(`uid ${somebody}`);
      expect(result.out + result.err).toContain(remedy(file));
    },
  );

  test("validate --fix does not change a config in another user's working directory, who could link it to any file", async () => {
    const { cwd, file } = await checkout({ env: "TOKEN" });
    const text = '{ "servers": { "crm": { "urls": "https://crm.example/mcp" } } }';
    await writeFile(file, text);
    const result = await command(["validate", "--fix"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("The config is not changed, because the search found it");
    expect(await readFile(file, "utf8")).toBe(text);
    await command(["validate", "--fix", "--config", file], { cwd });
    expect(await readFile(file, "utf8")).toContain('"url"');
  });

  test("init does not change a config or .env.example in another user's working directory", async () => {
    const { cwd, file } = await checkout({ env: "TOKEN" });
    const text = '{ "servers": {} }';
    await writeFile(file, text);
    await make(join(dirname(file), ".env.example"), somebody, { text: "A=\n" });
    // Nothing listens on port 1.
    const argv = ["init", "http://127.0.0.1:1/crm", "--issuer", "https://auth.example", "--client-id", "a"];
    const refused = await command(argv, { cwd });
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain("The config is not changed, because the search found it");
    expect(await readFile(file, "utf8")).toBe(text);
    const named = await command([...argv, "--config", file], { cwd });
    expect(named.err).toContain("cannot be changed safely");
    expect(await readFile(file, "utf8")).toContain('"crm"');
    expect(await readFile(join(dirname(file), ".env.example"), "utf8")).toBe("A=\n");
  });

  test("a config above another user's working directory runs its commands if root owns it and all folders above", async () => {
    const folder = await createFolder();
    const project = await make(join(folder, "project"), root);
    await make(join(project, ".git"), root);
    const cwd = await make(join(project, "theirs"), somebody);
    await make(join(project, name), root, { text: withCommand(["/bin/echo", "t"]) });
    expect(await command(["token", "crm"], { cwd })).toEqual({ code: 0, out: "t\n", err: "" });
    const between = await make(join(project, "between"), somebody);
    const below = await make(join(between, "below"), somebody);
    const result = await command(["token", "crm"], { cwd: below });
    expect([result.code, result.out]).toEqual([2, ""]);
    expect(result.err).toContain("are not run");
  });

  test("a config in another user's working directory runs no signer, even with allowExec: true", async () => {
    const { folder, cwd, file } = await checkout({ env: "TOKEN" });
    const trace = join(folder, "trace");
    const key = { signer: { exec: ["/bin/sh", "-c", `touch ${trace}`] }, alg: "ES256" };
    await using server = await startHttpServer((request, response) => {
      const { origin: issuer } = server;
      if (request.url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, 404);
      sendJson(response, { issuer, token_endpoint: `${issuer}/token` });
    });
    const client = { issuer: server.origin, id: "agent", key };
    const config = { servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } } };
    await writeFile(file, JSON.stringify(config));
    await using auth = await createMcpAuth({ cwd, env: {}, allowExec: true });
    const error = await rejectionOf(auth.resolve("crm").getAccessToken());
    expect(error.code).toBe("signer_unavailable");
    expect(error.message).toContain(remedy(file));
    expect(existsSync(trace)).toBe(false);
  });

  test("a config in another user's working directory runs its commands if a person names it", async () => {
    const { folder, cwd, file } = await checkout({ exec: ["/bin/sh", "-c", "touch ../trace; echo t"] });
    const result = await command(["token", "crm", "--config", file], { cwd, env: { PATH: "/bin:/usr/bin" } });
    expect(result).toEqual({ code: 0, out: "t\n", err: "" });
    expect(existsSync(join(folder, "trace"))).toBe(true);
  });

  test("a reload forbids the commands of a config after the working directory has changed its owner", async () => {
    const folder = await createFolder();
    const cwd = await make(join(folder, "project"), root);
    const trace = join(folder, "trace");
    await make(join(cwd, name), root, { text: withTracingCommand(trace) });
    await using auth = await createMcpAuth({ cwd, env: { PATH: "/bin:/usr/bin" } });
    expect(await auth.resolve("crm").getAccessToken()).toBe("token");
    await rm(trace);
    await chown(cwd, somebody, somebody);
    await auth.reload();
    const error = await rejectionOf(auth.resolve("crm").getAccessToken({ forceRefresh: true }));
    expect(error.code).toBe("secret_unavailable");
    expect(existsSync(trace)).toBe(false);
    await chown(join(cwd, name), nobody, nobody);
    expect((await rejectionOf(auth.reload())).message).toContain(`belongs to nobody (uid ${nobody})`);
  });
});

describe("a search as a user other than root", () => {
  test("a user can use its own config and a config of root, with commands", async () => {
    const folder = await createFolder();
    const cwd = await make(join(folder, "project"), nobody);
    await make(join(cwd, name), nobody, { text: withCommand(["true"]) });
    const rootFolder = await make(join(folder, "roots"), root);
    await make(join(rootFolder, name), root, { text: withCommand(["true"]) });
    for (const found of [cwd, rootFolder]) {
      const spec = await actingAs(nobody, () => search(found));
      expect(spec.file).toBe(join(found, name));
      expect(spec.commands).toBeUndefined();
    }
  });

  test("a user does not use a config of a third user", async () => {
    const folder = await createFolder();
    const cwd = await make(join(folder, "project"), nobody);
    const file = await make(join(cwd, name), somebody, { text: withCommand(["true"]) });
    const { code, message } = await actingAs(nobody, () => rejectionOf(search(cwd)));
    expect(code).toBe("config_invalid");
    expect(message).toContain(`${file} belongs to `);
    expect(message).toContain(`uid ${somebody}`);
  });

  test("a user finds its config although it may not read a folder above it", async () => {
    const folder = await createFolder();
    const closed = await make(join(folder, "closed"), root, { mode: 0o711 });
    const cwd = await make(join(closed, "project"), nobody);
    await make(join(cwd, name), nobody, { text: withCommand(["true"]) });
    expect((await actingAs(nobody, () => search(cwd))).file).toBe(join(cwd, name));
  });

  test("a user gets config_invalid for a config that it may not read", async () => {
    const folder = await createFolder();
    const cwd = await make(join(folder, "project"), nobody);
    await make(join(cwd, name), root, { text: withCommand(["true"]), mode: 0o600 });
    const { code, message } = await actingAs(nobody, () => rejectionOf(search(cwd)));
    expect(code).toBe("config_invalid");
    expect(message).toContain("EACCES");
  });
});

test("the links of a ConfigMap belong to root and are accepted, but not after another user owns one of them", async () => {
  const folder = await createFolder();
  const map = await make(join(folder, "map"), root);
  await make(join(map, "..2026"), root);
  await make(join(map, "..2026", name), root, { text: withCommand(["true"]) });
  await symlink("..2026", join(map, "..data"));
  await symlink(join("..data", name), join(map, name));
  expect((await actingAs(nobody, () => search(map))).file).toBe(join(map, name));
  await lchown(join(map, "..data"), somebody, somebody);
  expect((await rejectionOf(search(map))).message).toContain(`${join(map, "..data")} belongs to `);
});
