// The pages, examples and test packages of hosts belong together. `npm run test:hosts` runs what they show.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Host } from "../hosts/host.js";
import { documents, snippets } from "../support/snippets.js";

const root = new URL("../../", import.meta.url);

function foldersIn(path: string, file: string): string[] {
  const entries = readdirSync(new URL(path, root), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const names = entries.map(({ name }) => name).sort();
  return names.filter((name) => readdirSync(new URL(`${path}${name}/`, root)).includes(file));
}

const text = (path: string): string => readFileSync(new URL(path, root), "utf8").trimEnd();
const plugins = readdirSync(new URL("plugins/", root)).map((name) => `plugins/${name}/package.json`);
/** Our own packages, with their versions. */
const own = new Map<string, string>(
  ["package.json", ...plugins].map((path) => {
    const { name, version } = JSON.parse(text(path));
    return [name, version];
  }),
);
const dependenciesIn = (path: string): Record<string, string> => JSON.parse(text(path)).dependencies;
const shown = documents(root).flatMap((document) =>
  snippets(root, document).filter(({ file }) => file !== undefined),
);
const pages = documents(root).filter((document) => document.startsWith("docs/hosts/"));

test.each(shown.map(({ place, file = "", code }) => [place, file, code]))(
  "%s shows the file %s as it is",
  (_place, file, code) => {
    expect(code.trimEnd()).toBe(text(file));
  },
);

describe.each(foldersIn("examples/hosts/", "package.json"))("the example of the host %s", (host) => {
  const folder = `examples/hosts/${host}/`;

  test("installs the versions that the tests run, or compatible ones", () => {
    const tested = dependenciesIn(`test/hosts/${host}/package.json`);
    for (const [name, range] of Object.entries(dependenciesIn(`${folder}package.json`))) {
      const version = own.get(name);
      if (version !== undefined) expect([name, range]).toEqual([name, `^${version}`]);
      else if (!range.startsWith("^")) expect([name, range]).toEqual([name, tested[name]]);
      // A caret range starts with the oldest version that it allows.
      else expect([name, isWithinCaret(tested[name] ?? "", range.slice(1))]).toEqual([name, true]);
    }
  });

  test("has the config that all examples have", () => {
    if (!readdirSync(new URL(folder, root)).includes("mcp-auth.config.json")) return;
    expect(JSON.parse(text(`${folder}mcp-auth.config.json`))).toEqual({
      servers: {
        crm: {
          url: "${CRM_URL}",
          grant: { client: { issuer: "${CRM_ISSUER}", id: "agent", secret: { env: "CRM_SECRET" } } },
        },
      },
    });
  });
});

function isWithinCaret(version: string, oldest: string): boolean {
  const [found, wanted] = [version, oldest].map((each) => each.split(/[.-]/).map(Number));
  const [major = -1, minor = -1, patch = -1] = found ?? [];
  const [leastMajor, leastMinor = 0, leastPatch = 0] = wanted ?? [];
  if (major !== leastMajor || (major === 0 && minor !== leastMinor)) return false;
  return minor > leastMinor || (minor === leastMinor && patch >= leastPatch);
}

test("docs/hosts.md leads to the page of each host", () => {
  const table = text("docs/hosts.md");
  const linked = new Set([...table.matchAll(/\]\((hosts\/[\w-]+\.md)\)/g)].map(([, path]) => `docs/${path}`));
  expect([...linked].sort()).toEqual(pages);
});

describe.each(foldersIn("test/hosts/", "host.mjs"))("the test of the host %s", (name) => {
  test("runs the versions that docs/hosts.md names, in the ways that it names", async () => {
    const path = fileURLToPath(new URL(`test/hosts/${name}/host.mjs`, root));
    // The runner could not use it if it had another shape.
    const { host } = (await import(path)) as { readonly host: Host };
    const versions = host.packages.map((each) => dependenciesIn(`test/hosts/${name}/package.json`)[each]);
    const rows = text("docs/hosts.md")
      .split("\n")
      .filter((line) => line.startsWith(`| [${host.title}](hosts/${host.page}.md) |`))
      .map((line) =>
        line
          .split("|")
          .slice(2, 5)
          .map((cell) => cell.trim()),
      );
    const expected = host.ways.map(({ way, variant, write }) => [
      [...new Set(versions)].join(", "),
      variant === undefined ? way : `${way}, ${variant}`,
      write,
    ]);
    // The page has a row for each way of each folder; two folders may have the same page.
    expect(rows).toEqual(expect.arrayContaining(expected));
  });
});
