import { readdirSync, readFileSync } from "node:fs";

export interface Snippet {
  /** `docs/api.md`. */
  readonly document: string;
  /** `docs/api.md:12`. */
  readonly place: string;
  /** The empty string if the block names none. */
  readonly language: string;
  /** The text of a comment `<!-- test: … -->` above the block, if there is one. */
  readonly mark: string | undefined;
  /** The path in a comment `<!-- file: … -->` above the block: the block shows that file. */
  readonly file: string | undefined;
  /** The path in a comment `<!-- part of: … -->` above the block: what the block shows is in that file. */
  readonly partOf: string | undefined;
  readonly code: string;
}

/** Returns the paths of README.md and the pages in docs/, relative to the project root. */
export function documents(root: URL): string[] {
  return ["README.md", ...markdownIn("docs/", root)];
}

/** Returns the paths of all documents for people: those of `documents()`, and those that the package does not contain. */
export function allDocuments(root: URL): string[] {
  const top = ["SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"];
  return [...documents(root), ...top, ...["plugins/", "examples/"].flatMap((path) => markdownIn(path, root))];
}

function markdownIn(folder: string, root: URL): string[] {
  const names = readdirSync(new URL(folder, root), { encoding: "utf8", recursive: true });
  return names
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .sort()
    .map((name) => `${folder}${name}`);
}

/** Returns all fenced code blocks of a document. */
export function snippets(root: URL, document: string): Snippet[] {
  const lines = readFileSync(new URL(document, root), "utf8").split("\n");
  const found: Snippet[] = [];
  const notes = new Map<string, string>();
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const [, kind = "", note = ""] = /^\s*<!-- (test|file|part of): (.+) -->$/.exec(line) ?? [];
    if (kind !== "") notes.set(kind, note);
    const fence = /^(\s*)```(.*)$/.exec(line);
    if (fence === null) continue;
    const [, indent = "", language = ""] = fence;
    const end = lines.indexOf(`${indent}\`\`\``, index + 1);
    if (end === -1) throw new Error(`${document}:${index + 1}: this code block has no end`);
    found.push({
      document,
      place: `${document}:${index + 1}`,
      language,
      mark: notes.get("test"),
      file: notes.get("file"),
      partOf: notes.get("part of"),
      code: lines
        .slice(index + 1, end)
        .map((each) => each.slice(indent.length))
        .join("\n"),
    });
    notes.clear();
    index = end;
  }
  return found;
}

/** Whether a block is a config of ours, and not the file of a host that has servers too. */
export function isConfig({ document, language, mark, code }: Snippet): boolean {
  if (!["json", "jsonc", "yaml"].includes(language) || !/^\s*"?servers"?:/m.test(code)) return false;
  // A manifest of Kubernetes with a config in it, which test/examples runs.
  if (code.includes("\napiVersion: ")) return false;
  if (code.includes('"grant"')) return true;
  const ofHosts = document === "docs/proxy-hosts.md" || document.startsWith("docs/hosts/");
  return !ofHosts && mark === undefined && !code.includes('"mcp":');
}
