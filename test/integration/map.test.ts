import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const pages = ["ARCHITECTURE.md", "CONTRIBUTING.md"];
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** Code spans that look like a file or folder of the project. A `*` in a name stands for anything. */
function namedPaths(page: string): string[] {
  const spans = [...text(page).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return spans.filter((span) =>
    /^(src|test|schema|scripts|docs|examples|bench|[.]ci)\/[\w./*-]+$/.test(span),
  );
}

function exists(path: string): boolean {
  if (!path.includes("*")) return existsSync(new URL(path, root));
  const at = path.lastIndexOf("/") + 1;
  const [before = "", after = ""] = path.slice(at).split("*");
  return readdirSync(new URL(path.slice(0, at), root)).some(
    (name) => name.startsWith(before) && name.endsWith(after),
  );
}

/** Functions that a page places in a file: "`name()` in `file`". */
function namedFunctions(page: string): { name: string; file: string }[] {
  return [...text(page).matchAll(/`([\w.#]+)\(\)` in\s+`((?:src|test)\/[\w./-]+\.ts)`/g)].map(
    ([, name = "", file = ""]) => ({ name, file }),
  );
}

function defines(file: string, name: string): boolean {
  const identifier = name.split(".").at(-1)?.replace("#", "") ?? "";
  const definition = new RegExp(`(?:^|[\\s.#])${identifier}\\s*[(<:=]`, "m");
  const [owner = "", ...members] = name.split(".");
  if (!existsSync(new URL(file, root))) return false;
  return (
    definition.test(text(file)) &&
    (members.length === 0 || new RegExp(`(?:class|interface) ${owner}\\b`).test(text(file)))
  );
}

describe.each(pages)("%s", (page) => {
  test(`every file that ${page} names exists`, () => {
    const paths = namedPaths(page);
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.filter((path) => !exists(path))).toEqual([]);
  });

  test(`every function that ${page} names is defined in the file beside it`, () => {
    expect(namedFunctions(page).filter(({ name, file }) => !defines(file, name))).toEqual([]);
  });
});

describe("the map of ARCHITECTURE.md", () => {
  const page = text("ARCHITECTURE.md");
  const rows = [...page.matchAll(/^\| `src\/([\w-]+)(?:\.ts)?` \|[^|]*\| ([^|]*) \|$/gm)].map(
    ([, folder = "", may = ""]) => ({ folder, may }),
  );

  test("the table of ARCHITECTURE.md has a row for each folder of src", () => {
    const folders = readdirSync(new URL("src/", root), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(
      rows
        .map(({ folder }) => folder)
        .filter((folder) => folder !== "index")
        .toSorted(),
    ).toEqual(folders.toSorted());
  });

  test("the diagram of ARCHITECTURE.md shows each folder of the table, and no import that the table forbids", () => {
    const arrows = [...page.matchAll(/^ {2}(\w+)(?:\[[^\]]*\])? --> (\w+)$/gm)].map(
      ([, from = "", to = ""]) => ({ from, to }),
    );
    const above = (folder: string): string[] =>
      rows
        .slice(
          0,
          rows.findIndex((row) => row.folder === folder),
        )
        .map((row) => row.folder);
    const direct = ({ folder, may }: { folder: string; may: string }): string[] => {
      if (may === "every folder above") return above(folder);
      return may.replace("the public API", "index").split(", ");
    };
    const mayImport = (folder: string): Set<string> => {
      const row = rows.find((each) => each.folder === folder);
      const named = row === undefined || row.may === "nothing" ? [] : direct(row);
      return new Set(["errors", "lib", ...named, ...named.flatMap((name) => [...mayImport(name)])]);
    };
    expect(new Set(arrows.flatMap(({ from, to }) => [from, to]))).toEqual(
      new Set(rows.map(({ folder }) => folder)),
    );
    expect(arrows.filter(({ from, to }) => !mayImport(from).has(to))).toEqual([]);
  });
});
