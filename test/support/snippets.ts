import { readdirSync, readFileSync } from "node:fs";

export interface Snippet {
  /** `docs/api.md:12`. */
  readonly place: string;
  readonly language: string;
  /** The text of a comment `<!-- test: … -->` above the block, if there is one. */
  readonly mark: string | undefined;
  /** The path in a comment `<!-- file: … -->` above the block: the block shows that file. */
  readonly file: string | undefined;
  readonly code: string;
}

/** Returns the paths of README.md and the pages in docs/, relative to the project root. */
export function documents(root: URL): string[] {
  const pages = readdirSync(new URL("docs/", root), { encoding: "utf8", recursive: true });
  return [
    "README.md",
    ...pages
      .filter((name) => name.endsWith(".md"))
      .sort()
      .map((name) => `docs/${name}`),
  ];
}

/** Returns all fenced code blocks of a document. */
export function snippets(root: URL, document: string): Snippet[] {
  const lines = readFileSync(new URL(document, root), "utf8").split("\n");
  const found: Snippet[] = [];
  let mark: string | undefined;
  let file: string | undefined;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const marked = /^<!-- test: (.+) -->$/.exec(line);
    if (marked !== null) mark = marked[1];
    const shown = /^<!-- file: (.+) -->$/.exec(line);
    if (shown !== null) file = shown[1];
    const fence = /^```(\w+)$/.exec(line);
    if (fence === null) continue;
    const end = lines.indexOf("```", index + 1);
    if (end === -1) throw new Error(`${document}:${index + 1}: this code block has no end`);
    const code = lines.slice(index + 1, end).join("\n");
    found.push({ place: `${document}:${index + 1}`, language: fence[1] ?? "", mark, file, code });
    mark = undefined;
    file = undefined;
    index = end;
  }
  return found;
}
