import { chmod, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createMcpAuth, type Logger } from "../../../src/index.js";
import { folder, smallest } from "../config/folder.js";

const name = "mcp-auth.config.json";

async function open(mode: number) {
  const cwd = await folder({ [name]: JSON.stringify(smallest) });
  await chmod(join(cwd, name), mode);
  return { cwd, file: join(cwd, name) };
}

async function created(options: Parameters<typeof createMcpAuth>[0]) {
  const auth = await createMcpAuth(options);
  onTestFinished(() => auth.stop());
  return auth;
}

test("a named config that is world-writable is logged as a warning once", async () => {
  const { cwd, file } = await open(0o666);
  const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const warnings: unknown[] = [];
  const ignore = () => {};
  const logger: Logger = {
    ...{ debug: ignore, info: ignore, error: ignore },
    warn: (fields, message) => void warnings.push([fields, message]),
  };
  const auth = await created({ cwd, env: {}, config: name, logger });
  await auth.reload();
  expect(warnings).toEqual([
    [
      { file },
      `anyone on this machine can change the config ${file}: ${file} is world-writable (mode 0666).`,
    ],
  ]);
  expect(emitted).not.toHaveBeenCalled();
});

test("without a logger, the process warns once of a named config that is world-writable", async () => {
  const { cwd, file } = await open(0o666);
  const warned: Error[] = [];
  const listener = (warning: Error) => void warned.push(warning);
  process.on("warning", listener);
  onTestFinished(() => void process.off("warning", listener));
  const auth = await created({ cwd, env: { MCP_AUTH_CONFIG: name } });
  await auth.reload();
  // Warnings are emitted on the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  expect(warned.filter(({ message }) => message.includes(file))).toEqual([
    expect.objectContaining({ name: "McpAuthWarning", message: expect.stringContaining("(mode 0666)") }),
  ]);
});

test("a config is used although the logger throws", async () => {
  const { cwd } = await open(0o666);
  const broken = () => {
    throw new Error("broken");
  };
  const logger: Logger = { debug: broken, info: broken, warn: broken, error: broken };
  expect((await created({ cwd, env: {}, config: name, logger })).servers).toEqual(["crm"]);
});

test("a reload checks who can change a config that was found by search, and keeps the current config if it rejects the new one", async () => {
  const { cwd, file } = await open(0o644);
  const auth = await created({ cwd, env: {} });
  await writeFile(file, JSON.stringify({ servers: { planted: smallest.servers.crm } }));
  await chmod(cwd, 0o777);
  await expect(auth.reload()).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining(`${cwd} is world-writable (mode 0777)`),
  });
  expect(auth.servers).toEqual(["crm"]);
  await chmod(cwd, 0o755);
  await auth.reload();
  expect(auth.servers).toEqual(["planted"]);
});

test("a reload uses a named config that is world-writable", async () => {
  const { cwd, file } = await open(0o644);
  vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const auth = await created({ cwd, env: {}, config: name });
  await writeFile(file, JSON.stringify({ servers: { other: smallest.servers.crm } }));
  await chmod(file, 0o666);
  await auth.reload();
  expect(auth.servers).toEqual(["other"]);
});

test("a config file of more than a MiB, with 10,000 servers, is used", async () => {
  const server = { grant: smallest.servers.crm.grant };
  const servers = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [
      `s${index}`,
      { ...server, url: `https://s${index}.example/mcp` },
    ]),
  );
  const cwd = await folder({ [name]: JSON.stringify({ servers }) });
  expect((await stat(join(cwd, name))).size).toBeGreaterThan(1_048_576);
  expect((await created({ cwd, env: {} })).servers).toHaveLength(10_000);
});
