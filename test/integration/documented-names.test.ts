// Names that the documentation shares with the code: files, pages, events, variables, exports, options.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.js";
import { commonOptions } from "../../src/cli/define-command.js";
import { allDocuments, documents } from "../support/snippets.js";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const pages = documents(root).filter((path) => path.startsWith("docs/") && path !== "docs/README.md");
/** Paths in the project of the reader. */
const foreignPaths = ["src/mastra/public", ".github/workflows/agent.yml"];
const everyPage = allDocuments(root)
  .filter((path) => path !== "CHANGELOG.md")
  .map(read)
  .join("\n");
const sources = filesIn("src/").map(read).join("\n");

function filesIn(folder: string): string[] {
  const names = readdirSync(new URL(folder, root), { encoding: "utf8", recursive: true });
  return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}${name}`);
}

function linksOf(document: string): string[] {
  const targets = [...read(document).matchAll(/\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)/g)];
  return targets.map(([, target = ""]) => join(dirname(document), target));
}

test("each page in docs/ can be reached from docs/README.md by at most two links", () => {
  const first = new Set(linksOf("docs/README.md"));
  const second = new Set([...first].filter((path) => path.startsWith("docs/")).flatMap(linksOf));
  expect(pages.filter((page) => !page.includes("/", "docs/".length) && !first.has(page))).toEqual([]);
  expect(pages.filter((page) => !first.has(page) && !second.has(page))).toEqual([]);
});

test("each file of the repository that a document names exists", () => {
  const missing = allDocuments(root)
    .filter((document) => document !== "CHANGELOG.md")
    .flatMap((document) =>
      [
        ...read(document)
          .replaceAll(/```[\s\S]*?```/g, "")
          .matchAll(/`([^`\s]+)`/g),
      ]
        .map(([, span = ""]) => span)
        .filter((span) =>
          /^(?:src|test|scripts|docs|examples|bench|plugins|man|[.]ci|[.]github)\/[\w./*-]+$/.test(span),
        )
        .filter(
          (span) => !foreignPaths.includes(span) && !exists(span) && !exists(join(dirname(document), span)),
        )
        .map((span) => `${document}: ${span}`),
    );
  expect(missing).toEqual([]);
});

function exists(path: string): boolean {
  if (!path.includes("*")) return existsSync(new URL(path, root));
  const folder = path.slice(0, path.slice(0, path.indexOf("*")).lastIndexOf("/") + 1);
  const pattern = new RegExp(`^${path.slice(folder.length).replaceAll(".", "\\.").replaceAll("*", "[^/]*")}`);
  return (
    existsSync(new URL(folder, root)) &&
    readdirSync(new URL(folder, root), { encoding: "utf8", recursive: true }).some((name) =>
      pattern.test(name),
    )
  );
}

describe("names in the code and in the documentation", () => {
  const inCode = (pattern: RegExp, text: string): string[] =>
    [...new Set([...text.matchAll(pattern)].map(([name]) => name))].sort();

  test("each event is documented, and each documented event exists", () => {
    const declared = read("src/runtime/events.ts");
    const events = [
      ...new Set([...declared.matchAll(/^ {2}"(\w+:\w+)":/gm)].map(([, name = ""]) => name)),
    ].sort();
    const areas = [...new Set(events.map((name) => name.split(":")[0]))].join("|");
    const documented = inCode(new RegExp(`(?<=[\`"])(?:${areas}):\\w+(?=[\`"])`, "g"), everyPage);
    expect(events.length).toBeGreaterThanOrEqual(9);
    expect(documented).toEqual(events);
  });

  test("each variable of ours is documented, and each documented variable exists", () => {
    const pattern = /\bMCP_AUTH_[A-Z_]*[A-Z]\b/g;
    expect(inCode(pattern, everyPage)).toEqual(inCode(pattern, sources));
  });

  test("each public function, class and constant is documented, and each type of the main entry points", () => {
    // The types of other entry points are those of parameters and results of their functions.
    const withTypes = [".", "./proxy"];
    const { exports } = JSON.parse(read("package.json"));
    const undocumented = Object.keys(exports)
      .filter((entry) => !entry.endsWith(".json"))
      .flatMap((entry) => {
        const name = entry === "." ? "index" : entry.slice(2).replaceAll("/", "-");
        const declarations = read(`test/surface/${name}.d.ts`);
        const isValue = (exported: string) =>
          new RegExp(`^declare (?:abstract )?(?:function|class|const) ${exported}\\b`, "m").test(
            declarations,
          );
        return exportsOf(declarations)
          .filter((exported) => withTypes.includes(entry) || isValue(exported))
          .filter((exported) => !new RegExp(`\\b${exported}\\b`).test(everyPage))
          .map((exported) => `${entry}: ${exported}`);
      });
    expect(undocumented).toEqual([]);
  });

  test("each entry point of the package that a document names exists", () => {
    const { exports } = JSON.parse(read("package.json"));
    const named = inCode(/(?<![\w/@-])mcp-auth-runtime\/[a-z-]+(?:\/[a-z-]+)*(?![\w/.*-])/g, everyPage);
    const entries = named.map((name) => name.replace("mcp-auth-runtime", "."));
    expect(entries.filter((entry) => !Object.hasOwn(exports, entry))).toEqual([]);
  });

  test("each option that docs/cli.md mentions belongs to a command", async () => {
    const loaded = await Promise.all([...commands.values()].map(({ load }) => load()));
    const options = new Set([
      ...Object.keys(commonOptions),
      "version",
      ...loaded.flatMap(({ options: own = {} }) => Object.keys(own)),
    ]);
    const mentioned = [...read("docs/cli.md").matchAll(/`[^`]*?--([a-z][\w-]*)/g)].map(
      ([, name = ""]) => name,
    );
    // `exec SERVER -- COMMAND` in the anchor of a heading, and an option of Node.
    const others = ["command", "import"];
    expect([...new Set(mentioned)].filter((name) => !options.has(name) && !others.includes(name))).toEqual(
      [],
    );
  });
});

/** Returns the names that a snapshot of the public API exports. */
function exportsOf(declarations: string): string[] {
  const [, list = ""] = /^export \{([^}]*)\}/m.exec(declarations) ?? [];
  const names = list.split(",").map((each) => each.trim().split(" as ").at(-1) ?? "");
  return names.filter((name) => name !== "" && name !== "default");
}
