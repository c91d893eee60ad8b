// Which files of the built package a program loads when it starts.
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.js";

const root = new URL("../../", import.meta.url);
const dist = new URL("dist/", root);
const client = { issuer: "https://auth.example", id: "agent", secret: { env: "CRM_SECRET" } };
const config = { servers: { crm: { url: "https://crm.example/mcp", grant: { client } } } };

interface Loaded {
  /** Files of the package, relative to dist. */
  readonly own: readonly string[];
  /** Other files, without the program. */
  readonly others: readonly string[];
}

/** Runs Node with these arguments in a folder with this config, and returns what it prints. */
async function outputOf(
  args: readonly string[],
  text = JSON.stringify(config),
  variables: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const cwd = await temporaryFolder();
  for (const [name, content] of Object.entries({ ...files, "mcp-auth.config.json": text })) {
    await writeFile(join(cwd, name), content);
  }
  const env = { PATH: process.env["PATH"], ...variables };
  return (await promisify(execFile)(process.execPath, args, { cwd, env })).stdout;
}

async function loadedBy(
  args: readonly string[],
  text?: string,
  besides?: Readonly<Record<string, string>>,
): Promise<Loaded> {
  const coverage = await temporaryFolder();
  await outputOf(args, text, { NODE_V8_COVERAGE: coverage }, besides);
  const [report = ""] = await readdir(coverage);
  // V8's coverage reports have this shape.
  const { result } = JSON.parse(await readFile(join(coverage, report), "utf8")) as {
    result: readonly { readonly url: string }[];
  };
  const files = result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
  const own = files.filter((url) => url.startsWith(dist.href)).map((url) => url.slice(dist.href.length));
  const program = "[eval1]";
  const others = files.filter((url) => !url.startsWith(dist.href) && !url.endsWith(program));
  return { own, others };
}

const entry = (name: string): string => new URL(name, dist).href;
const program = (code: string): readonly string[] => ["--input-type=module", "--eval", code];
const registered = ["--import", entry("register.js"), "--eval", "0"];
const core = JSON.stringify(entry("index.js"));

test("the import loads two files and no library", async () => {
  const { own, others } = await loadedBy(program(`await import(${core});`));
  expect(own).toContain("index.js");
  expect(own).toHaveLength(2);
  expect(others).toEqual([]);
});

test("four files and no library are loaded until createMcpAuth() has returned", async () => {
  const code = `const { createMcpAuth } = await import(${core}); (await createMcpAuth()).resolve("crm");`;
  const { own, others } = await loadedBy(program(code));
  expect(own).toContain("index.js");
  expect(own).toHaveLength(4);
  expect(others).toEqual([]);
});

test("the start with a plain JSON config loads three files and no library", async () => {
  const { own, others } = await loadedBy(registered);
  expect(own).toContain("register.js");
  expect(own).toHaveLength(3);
  expect(others).toEqual([]);
});

test("a config that imports a file loads only the module for it in addition", async () => {
  const crm = { grant: { client } };
  const text = JSON.stringify({ import: "./host.json", servers: { crm } });
  const host = JSON.stringify({ mcpServers: { crm: { url: "https://crm.example/mcp" } } });
  const { own, others } = await loadedBy(registered, text, { "host.json": host });
  expect(own.filter((file) => file.includes("/imports-"))).toHaveLength(1);
  expect(own).toHaveLength(4);
  expect(others).toEqual([]);
});

test("a comment in the config loads only the parser for comments in addition", async () => {
  const { own } = await loadedBy(registered, `// ours\n${JSON.stringify(config)}`);
  expect(own).toHaveLength(4);
});

test("the code for OpenTelemetry is loaded only if an SDK is registered", async () => {
  const failing = (before: string): readonly string[] =>
    program(`${before}
      const auth = await (await import(${core})).createMcpAuth({
        config: { servers: { crm: { url: "http://127.0.0.1:9/mcp", grant: { client: { issuer: "http://127.0.0.1:9", id: "a", secret: { env: "S" } } } } } },
      });
      await auth.resolve("crm").getAccessToken().catch(() => {});
      await auth.stop();
      process.exit();`);
  const register = `globalThis[Symbol.for("opentelemetry.js.api.1")] = { version: "1.9.1", trace: {} };`;
  const recorders = ({ own }: Loaded) => own.filter((file) => file.includes("open-telemetry"));
  const without = await loadedBy(failing(""));
  expect(recorders(without)).toEqual([]);
  expect(without.others.filter((file) => file.includes("opentelemetry"))).toEqual([]);
  expect(recorders(await loadedBy(failing(register)))).toHaveLength(1);
});

test("the core loads nothing of the test helpers, and those load no library before they are used", async () => {
  const helpers = /(?:^|\/)(?:testing|start-server)\b/;
  const runtime = `const { createMcpAuth } = await import(${core}); (await createMcpAuth()).resolve("crm");`;
  expect((await loadedBy(program(runtime))).own.filter((file) => helpers.test(file))).toEqual([]);
  const { own, others } = await loadedBy(program(`await import(${JSON.stringify(entry("testing.js"))});`));
  expect(own.filter((file) => helpers.test(file))).toEqual(["testing.js"]);
  expect(others).toEqual([]);
});

// Each of these takes Node as long to load as the whole package.
const slow = ["crypto", "net", "stream", "tls"];
const printSlow = `
  const loaded = ${JSON.stringify(slow)}.filter((name) => process.moduleLoadList.includes("NativeModule " + name));
  process.getBuiltinModule("fs").writeSync(1, JSON.stringify(loaded));`;

test.each([
  ["a program that loads them", program(`await import("node:https"); ${printSlow}`), slow],
  ["the import", program(`await import(${core}); ${printSlow}`), []],
  ["createMcpAuth()", program(`await (await import(${core})).createMcpAuth(); ${printSlow}`), []],
  ["the start", ["--import", entry("register.js"), ...program(printSlow)], []],
])("slow modules of Node that %s loads", async (_what, args, expected) => {
  expect(JSON.parse(await outputOf(args))).toEqual(expected);
});

test("all entry points throw errors of the same class", async () => {
  const { McpAuthError } = await import(new URL("index.js", dist).href);
  const { register } = await import(new URL("register/api.js", dist).href);
  expect(() => register({})).toThrow(McpAuthError);
});

test.each(["ajv", "cosmiconfig", "jose", "leven", "node-cron", "undici", "yaml"])(
  "the package contains the license of the bundled library %s",
  async (name) => {
    const folder = new URL(`node_modules/${name}/`, root);
    const license = (await readdir(folder)).find((each) => /^license/i.test(each)) ?? "";
    const text = await readFile(new URL(license, folder), "utf8");
    expect(await readFile(fileURLToPath(new URL("THIRD-PARTY-NOTICES", dist)), "utf8")).toContain(
      text.trim(),
    );
  },
);
