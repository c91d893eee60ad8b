// The start of a program with `--import mcp-auth-runtime/register` of the built package: which files it loads.
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

/** Runs an empty program in a folder with this config and returns the URLs of all loaded files. */
async function loadedWith(text: string): Promise<readonly string[]> {
  const [cwd, coverage] = [await temporaryFolder(), await temporaryFolder()];
  await writeFile(join(cwd, "mcp-auth.config.json"), text);
  const flags = ["--import", new URL("register.js", dist).href, "-e", "0"];
  const env = { PATH: process.env["PATH"], NODE_V8_COVERAGE: coverage };
  await promisify(execFile)(process.execPath, flags, { cwd, env });
  const [report = ""] = await readdir(coverage);
  // V8's coverage reports have this shape.
  const { result } = JSON.parse(await readFile(join(coverage, report), "utf8")) as {
    result: readonly { readonly url: string }[];
  };
  return result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
}

test("the start with a plain JSON config loads two files and no library", async () => {
  const loaded = await loadedWith(JSON.stringify(config));
  expect(loaded).toContain(new URL("register.js", dist).href);
  expect(loaded.filter((url) => url.startsWith(dist.href))).toHaveLength(2);
  expect(loaded.filter((url) => !url.startsWith(dist.href))).toEqual([]);
});

test("a comment in the config loads only the parser for comments in addition", async () => {
  const loaded = await loadedWith(`// ours\n${JSON.stringify(config)}`);
  expect(loaded.filter((url) => url.startsWith(dist.href))).toHaveLength(3);
});

test("all entry points throw errors of the same class", async () => {
  const { McpAuthError } = await import(new URL("index.js", dist).href);
  const { register } = await import(new URL("register/api.js", dist).href);
  expect(() => register({})).toThrow(McpAuthError);
});

test.each(["cosmiconfig", "leven", "ajv"])(
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
