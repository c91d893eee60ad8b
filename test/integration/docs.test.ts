import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.js";
import { checkConfig } from "../../src/config/load.js";
import type { McpAuthErrorCode } from "../../src/errors/error.js";
import { version } from "../../src/lib/version.js";
import { allDocuments, isConfig, snippets } from "../support/snippets.js";

const root = new URL("../../", import.meta.url);
const all = allDocuments(root).flatMap((document) => snippets(root, document));
// Inside the project, so that imports find its dependencies, and in a folder that git and the checks ignore.
const folder = fileURLToPath(new URL(`node_modules/.cache/docs-${process.pid}/`, root));
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = (path: string) => readFile(new URL(path, root), "utf8");

describe("the documentation", () => {
  test("all TypeScript and JavaScript snippets in the documentation compile", async () => {
    // A block that shows a file, or a part of one, is checked with that file.
    const code = all.filter(
      ({ language, file, partOf }) => (file ?? partOf) === undefined && ["ts", "js"].includes(language),
    );
    expect(code.length).toBeGreaterThanOrEqual(8);
    await mkdir(folder, { recursive: true });
    const names = new Map<string, string>();
    for (const [index, snippet] of code.entries()) {
      names.set(`snippet-${index}`, snippet.place);
      await writeFile(join(folder, `snippet-${index}.ts`), snippet.code);
    }
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../../tsconfig.json",
        compilerOptions: {
          noUnusedLocals: false,
          incremental: false,
          rootDir: "../../..",
          paths: {
            "mcp-auth-runtime": ["../../../src/index.ts"],
            "mcp-auth-runtime/hosts/*": ["../../../src/hosts/*.ts"],
            "mcp-auth-runtime/proxy": ["../../../src/proxy.ts"],
            "mcp-auth-runtime/register/api": ["../../../src/register/api.ts"],
            "mcp-auth-runtime/testing": ["../../../src/testing.ts"],
          },
        },
        include: ["./*.ts"],
      }),
    );
    const tsc = fileURLToPath(new URL("node_modules/typescript/bin/tsc", root));
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout.replaceAll(/snippet-\d+(?=\.ts)/g, (name) => names.get(name) ?? name)).toBe("");
  });

  test("all configs in the documentation are valid", async () => {
    const configs = all.filter(isConfig);
    expect(configs.length).toBeGreaterThanOrEqual(4);
    await mkdir(folder, { recursive: true });
    const host = { mcpServers: { crm: { type: "http", url: "https://crm.example/mcp" } } };
    await writeFile(join(folder, ".mcp.json"), JSON.stringify(host));
    const env = { CRM_URL: "https://crm.example/mcp", CRM_ISSUER: "https://auth.example" };
    for (const [index, { place, language, code }] of configs.entries()) {
      const path = join(folder, `config-${index}.${language === "yaml" ? "yaml" : "json"}`);
      await writeFile(path, code);
      const { violations } = await checkConfig({ cliPath: path, cwd: folder, env });
      expect({ place, violations }).toEqual({ place, violations: [] });
    }
  });

  test("docs/errors.md lists every error code with its exit code", async () => {
    const source = await text("src/errors/error.ts");
    const codes = [...source.matchAll(/^ {2}\| "([a-z_]+)"/gm)].map((match) => match[1]);
    const rows = new Map(
      [...(await text("docs/errors.md")).matchAll(/^\| `([a-z_]+)` \|.*\| (\d+) \|$/gm)].map((row) => [
        row[1],
        row[2],
      ]),
    );
    expect(codes.length).toBeGreaterThanOrEqual(23);
    expect([...rows.keys()]).toEqual(codes);
    // The codes come from the type's source, so each is a valid code.
    for (const code of codes)
      expect([code, rows.get(code)]).toEqual([code, String(exitCodeOf(code as McpAuthErrorCode))]);
  });

  test("all relative links of a document lead to a heading or file, and those of a document in the package to one in it", async () => {
    // Our own package.json has this shape.
    const { files } = JSON.parse(await text("package.json")) as { files: readonly string[] };
    const ships = (path: string): boolean =>
      files.some((entry) => path === entry || path.startsWith(`${entry}/`));
    for (const document of allDocuments(root)) {
      for (const [, target = ""] of (await text(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = "", anchor] = target.split("#");
        const file = path === "" ? document : join(dirname(document), path);
        expect([document, target, existsSync(new URL(file, root))]).toEqual([document, target, true]);
        if (ships(document)) expect([document, target, ships(file)]).toEqual([document, target, true]);
        if (anchor === undefined) continue;
        const anchors = [...(await text(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
          slug(heading),
        );
        expect([document, target, anchors]).toEqual([document, target, expect.arrayContaining([anchor])]);
      }
    }
  });

  test("docs/dependencies.md mentions every dependency", async () => {
    // Our own package.json has this shape.
    const { dependencies, devDependencies } = JSON.parse(await text("package.json")) as Record<
      string,
      Record<string, string>
    >;
    const page = await text("docs/dependencies.md");
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      if (name.startsWith("@types/") || name.startsWith("@modelcontextprotocol/")) continue;
      expect([name, page.includes(`\`${name}\``)]).toEqual([name, true]);
    }
  });

  test("docs/dependencies.md has a complete row with the measured size for each run-time dependency", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [fileURLToPath(new URL("bench/dependencies.mjs", root)), "--sizes"],
      { cwd: root },
    );
    // The script prints this shape.
    const sizes = JSON.parse(stdout) as Record<string, number>;
    const rows = [...(await text("docs/dependencies.md")).matchAll(/^\| `([^`]+)` \d+ \|(.+)\|$/gm)].map(
      ([, name = "", cells = ""]) => ({ name, cells: cells.split("|").map((cell) => cell.trim()) }),
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(sizes).sort());
    for (const { name, cells } of rows) {
      const [, , size = "", importTime] = cells;
      expect([name, cells.length, cells.includes("")]).toEqual([name, 6, false]);
      expect(importTime).toMatch(/^\d+ ms$/);
      // Allows a tenth or 0.01 MB, because the sizes of patch releases differ.
      const [documented, measured] = [Number(/^([\d.]+) MB$/.exec(size)?.[1]), (sizes[name] ?? 0) / 1e6];
      expect([name, Math.abs(documented - measured) <= Math.max(measured / 10, 0.01)]).toEqual([name, true]);
    }
  });

  test("the exported version is that of package.json", async () => {
    expect(version).toBe((JSON.parse(await text("package.json")) as { version: string }).version);
  });
});

/** Returns the anchor that common Markdown renderers create for a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
}

test("docs/security.md names only existing tests", async () => {
  const page = await text("docs/security.md");
  const named = [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`(?:\s+"([^"]+)")?/g)];
  expect(named.length).toBeGreaterThanOrEqual(30);
  for (const [, file = "", title] of named) {
    const source = await text(file);
    // A title may be broken into two lines on the page.
    if (title !== undefined)
      expect({ file, source }).toMatchObject({ source: expect.stringContaining(oneLine(title)) });
  }
});

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
