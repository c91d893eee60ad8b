// Every block of code in the documentation is checked: this file says by what, and checks what no other test does.
// A block needs a comment `<!-- test: MARK -->` if a test of its own takes it by that mark, `<!-- file: PATH -->` if it
// shows a file, and `<!-- part of: PATH -->` if it shows a part of one. The others are checked by their language.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type ParseError, parse as parseJson } from "jsonc-parser";
import { describe, expect, test } from "vitest";
import { parseAllDocuments, parse as parseYaml } from "yaml";
import { commands } from "../../src/cli/commands.js";
import { findCommand } from "../../src/cli/find-command.js";
import { parseArguments } from "../../src/cli/parse-arguments.js";
import { checkConfig } from "../../src/config/load.js";
import { shellCommands } from "../support/shell-lines.js";
import { allDocuments, isConfig, type Snippet, snippets } from "../support/snippets.js";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const all = allDocuments(root).flatMap((document) => snippets(root, document));

/** How a block is checked. */
type Kind = "mark" | "file" | "part" | "code" | "config" | "data" | "commands" | "diagram";

function kindOf(snippet: Snippet): Kind | undefined {
  if (snippet.mark !== undefined) return "mark";
  if (snippet.file !== undefined) return "file";
  if (snippet.partOf !== undefined) return "part";
  if (isConfig(snippet)) return "config";
  switch (snippet.language) {
    case "ts":
    case "js":
      return "code";
    case "json":
    case "jsonc":
    case "json5":
    case "yaml":
    case "toml":
      return "data";
    case "sh":
      return "commands";
    case "mermaid":
      // test/integration/map.test.ts compares the diagram with the imports.
      return snippet.document === "ARCHITECTURE.md" ? "diagram" : undefined;
    default:
      return undefined;
  }
}

const ofKind = (kind: Kind): Snippet[] => all.filter((snippet) => kindOf(snippet) === kind);

test("every block of code in the documentation is checked by something", () => {
  expect(all.length).toBeGreaterThan(300);
  const unchecked = all.filter((snippet) => kindOf(snippet) === undefined);
  expect(unchecked.map(({ place, language }) => `${place} (${language}): needs a mark`)).toEqual([]);
});

test("test/integration/docs.test.ts compiles every block of TypeScript and JavaScript that shows no file", () => {
  expect(read("test/integration/docs.test.ts")).toContain('["ts", "js"].includes(language)');
  // That test also compiles those that have a test of their own.
  expect(ofKind("code").length).toBeGreaterThan(20);
});

describe("blocks with a mark", () => {
  /** Pages of which one test takes all blocks with a mark, and fails for a mark that it does not know. */
  const pages: readonly { page: RegExp; mark: RegExp; test: string }[] = [
    { page: /^README\.md$/, mark: /^(?:run|(?:file|shows) \S+)$/, test: "test/package/readme.mjs" },
    { page: /^docs\/proxy-hosts\.md$/, mark: /./, test: "test/unit/proxy/host-settings/page.test.ts" },
    {
      page: /^docs\/hosts\/.*\.md$/,
      mark: /^\S+ (?:tcp|socket)$/,
      test: "test/unit/proxy/host-settings/page.test.ts",
    },
    { page: /^docs\/providers\//, mark: /./, test: "test/integration/providers.test.ts" },
  ];
  const names = readdirSync(new URL("test/", root), { encoding: "utf8", recursive: true });
  const tests = names
    .filter((name) => /\.(?:ts|mjs|js|cjs)$/.test(name) && !name.includes("node_modules"))
    .map((name) => read(`test/${name}`));

  test("each mark of a block is the mark that a test takes from that page", () => {
    const unknown = ofKind("mark").filter(({ document, mark = "" }) => {
      const whole = pages.find((each) => each.page.test(document) && each.mark.test(mark));
      if (whole !== undefined) return !existsSync(new URL(whole.test, root));
      const [first = "", ...others] = mark.split(" ");
      const rest = new RegExp(`\\b${others.join(" ")}\\b`);
      const literals = [`"${mark}"`, `\`${mark}\``, `test: ${mark}`];
      return !tests.some(
        (source) =>
          (source.includes(document) || source.includes("documents(root)")) &&
          (literals.some((literal) => source.includes(literal)) ||
            // A test that takes all marks with this first word, each with a row of its own.
            (others.length > 0 &&
              new RegExp(`(?:\`|test: )${first} \\$\\{`).test(source) &&
              rest.test(source))),
      );
    });
    expect(unknown.map(({ place, mark }) => `${place}: no test takes the mark "${mark}"`)).toEqual([]);
  });
});

describe("blocks that show files", () => {
  test("each block with a comment about a file shows one that exists, as it is", () => {
    for (const { place, file = "", code } of ofKind("file"))
      expect([place, code.trimEnd()]).toEqual([place, read(file).trimEnd()]);
  });

  test("each block that shows a part of a file shows what is in that file", () => {
    for (const { place, partOf = "", language, code } of ofKind("part")) {
      const text = read(partOf);
      const shown = language === "yaml" || language === "json" ? parseYaml(code) : undefined;
      const isPart =
        text.includes(code) ||
        (shown !== undefined && parseAllDocuments(text).some((document) => hasPart(document.toJS(), shown)));
      expect(`${place}: ${isPart ? "" : "not "}a part of ${partOf}`).toBe(`${place}: a part of ${partOf}`);
    }
  });
});

/** Whether something within `whole` has everything that `part` has: objects may have more members, lists more items. */
function hasPart(whole: unknown, part: unknown): boolean {
  if (contains(whole, part)) return true;
  if (typeof whole === "string") {
    // A config in a ConfigMap.
    const inner = /^\s*\{/.test(whole) ? parseJson(whole) : undefined;
    return typeof inner === "object" && hasPart(inner, part);
  }
  return (
    typeof whole === "object" && whole !== null && Object.values(whole).some((each) => hasPart(each, part))
  );
}

function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.every((item) => whole.some((each) => contains(each, item)));
  if (typeof part === "object" && part !== null)
    return (
      typeof whole === "object" &&
      whole !== null &&
      Object.entries(part).every(([name, value]) =>
        contains(Object.entries(whole).find(([key]) => key === name)?.[1], value),
      )
    );
  // A step of a job may have more lines, or more options, than the page shows.
  if (typeof part === "string" && typeof whole === "string") return whole.includes(part);
  return whole === part;
}

describe("blocks of data", () => {
  const data = ofKind("data").map((snippet) => ({ ...snippet, value: parsed(snippet) }));

  test("each block of JSON, YAML and TOML can be read", () => {
    expect(data.filter(({ value }) => value === undefined).map(({ place }) => place)).toEqual([]);
  });

  test("each block that shows a part of a config is valid in a config", async () => {
    const properties = Object.keys(JSON.parse(read("schema/mcp-auth.schema.json")).properties);
    const grant = { client: { issuer: "https://auth.example", id: "agent", secret: { env: "CRM_SECRET" } } };
    const servers = { crm: { url: "https://crm.example/mcp", grant } };
    for (const { place, value, code } of data) {
      const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
      const isPart =
        code.startsWith('"') && names.length > 0 && names.every((name) => properties.includes(name));
      if (!isPart || typeof value !== "object") continue;
      const { violations } = await checkConfig({ config: { servers, ...value }, cwd: "/", env: {} });
      expect({ place, violations }).toEqual({ place, violations: [] });
    }
  });

  test("each command of ours in the settings of a host or in a manifest exists, with its options", async () => {
    for (const { place, value } of [
      ...data,
      ...all.filter((one) => kindOf(one) === "part").map((one) => ({ ...one, value: parsed(one) })),
    ])
      for (const words of commandsIn(value))
        expect([place, await problemOf(words, place)]).toEqual([place, undefined]);
  });
});

function parsed({ language, code }: Snippet): unknown {
  if (language === "toml") return parsedToml(code);
  try {
    if (language === "yaml") return parseYaml(code);
  } catch {
    return undefined;
  }
  const errors: ParseError[] = [];
  // A property that belongs into an object which the page has shown.
  const value: unknown = parseJson(/^\s*"/.test(code) ? `{${code}}` : code, errors);
  return errors.length === 0 ? value : undefined;
}

/** Reads tables with values that are JSON too; the documentation needs no more of TOML. */
function parsedToml(code: string): unknown {
  const entries = code.split("\n").filter((line) => !/^(?:\[[\w.]+\]|)$/.test(line));
  const pairs = entries.map((line) => /^(\w+) = (.+)$/.exec(line)?.slice(1));
  if (pairs.includes(undefined)) return undefined;
  return parsed({ ...emptyJson, code: `{${pairs.map((pair) => `"${pair?.[0]}": ${pair?.[1]}`).join(",")}}` });
}

const emptyJson: Snippet = {
  document: "",
  place: "",
  language: "json",
  mark: undefined,
  file: undefined,
  partOf: undefined,
  code: "",
};

/** Returns the commands of ours in the settings of a host: a list, `command` with `args`, or a line for a shell. */
function commandsIn(value: unknown): string[][] {
  if (typeof value === "string")
    return /\bmcp-auth(?:-runtime)?(?:\/register)? /.test(value) ? shellCommands(value) : [];
  if (typeof value !== "object" || value === null) return [];
  const { command, args }: { command?: unknown; args?: unknown } = value;
  const words = [command, args].flat().filter((word) => typeof word === "string");
  if (words.length > 1) return words.some((word) => word.endsWith("mcp-auth-runtime")) ? [words] : [];
  return Object.values(value).flatMap(commandsIn);
}

/** Programs that the documentation calls and that are not ours, with what makes the lines with them true. */
const otherPrograms: Readonly<Record<string, string>> = {
  "apt-get": "installs SoftHSM; test/signers runs it",
  cat: "POSIX",
  cd: "a builtin",
  claude: "the host Claude Code; test/hosts/claude-code runs it",
  codex: "the host Codex; test/hosts/codex runs it",
  cp: "POSIX",
  curl: "any HTTP client does",
  esbuild: "a bundler; test/package bundles with it",
  export: "a builtin",
  gemini: "the host Gemini CLI; test/hosts/gemini-cli runs it",
  grep: "POSIX",
  keytool: "converts a Java key store; docs/keys.md says what it is for",
  kubectl: "applies manifests that test/examples checks",
  mcporter: "the host mcporter; test/hosts/mcporter runs it",
  mkdir: "POSIX",
  mv: "POSIX",
  openclaw: "the host OpenClaw; test/hosts/openclaw runs it",
  opencode: "the host opencode; test/hosts/opencode runs it",
  openssl: "converts keys and certificates; the formats that it writes are tested in test/unit/keys",
  "pkcs11-tool": "asks SoftHSM; test/signers runs it",
  puttygen: "converts a PuTTY key; docs/keys.md says what it is for",
  read: "a builtin",
  "softhsm2-util": "creates a token; test/signers runs it",
  ssh: "forwards a port; docs/status-page.md says what it is for",
  "ssh-keygen": "converts an OpenSSH key; docs/keys.md says what it is for",
  source: "a builtin of fish",
  umask: "a builtin",
  wrangler: "the host Cloudflare; test/hosts/cloudflare-agents runs it",
};

test("each command line in the documentation names commands, options, scripts and files that exist", async () => {
  const problems: string[] = [];
  for (const { place, code } of all.filter(({ language }) => language === "sh")) {
    const found = shellCommands(code);
    expect([place, found.length > 0 || /^\w+=/.test(code)]).toEqual([place, true]);
    for (const words of found) {
      const problem = await problemOf(words, place);
      if (problem !== undefined) problems.push(`${place}: ${words.join(" ")}: ${problem}`);
    }
  }
  expect(problems).toEqual([]);
});

test("each command of ours in a sentence of the documentation exists, with its options", async () => {
  const problems: string[] = [];
  for (const document of allDocuments(root)) {
    const prose = read(document).replaceAll(/^(\s*)```[\s\S]*?^\1```$/gm, "");
    for (const [, span = ""] of prose.matchAll(/`((?:npx )?mcp-auth(?:-runtime)? [^`]+)`/g)) {
      // A pipe within a table is written with a backslash.
      const line = span.replaceAll(/\s+/g, " ").replaceAll("\\|", "|");
      for (const words of shellCommands(line)) {
        const problem = await problemOf(words, document);
        // A sentence may leave an argument out, or write `HOST` in its place.
        const isOpen = / needs one of its commands|^Name (?:a|the|what)\b| cannot be "[A-Z]+"/;
        if (problem !== undefined && !isOpen.test(problem)) problems.push(`${document}: ${line}: ${problem}`);
      }
    }
  }
  expect(problems).toEqual([]);
});

/** Returns what is wrong with a command, or `undefined`. */
async function problemOf(words: readonly string[], place: string): Promise<string | undefined> {
  const [program = "", ...args] = words;
  const name = program.split("/").at(-1) ?? "";
  if (name === "mcp-auth-runtime" || name === "mcp-auth") return await problemOfOurs(args);
  if (name === "npx") return await problemOf(args[0]?.startsWith("-") === true ? args.slice(1) : args, place);
  if (name === "node") return problemOfNode(args, place);
  if (name === "npm") return problemOfNpm(args, place);
  if (name === "claude" && args.includes("--"))
    return await problemOf(args.slice(args.indexOf("--") + 1), place);
  return Object.hasOwn(otherPrograms, name) ? undefined : "this program is not in the list of this test";
}

async function problemOfOurs(args: readonly string[]): Promise<string | undefined> {
  // The scripts of `completion` call it, with what is typed; `--help` does not list it.
  if (args[0] === "complete" && args[1] === "--") return undefined;
  try {
    const request = await findCommand(args);
    if (request.kind !== "command") return undefined;
    const command = await commands.get(request.name)?.load();
    if (command === undefined) return "there is no such command";
    parseArguments(request.name, command, request.args);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function problemOfNode(args: readonly string[], place: string): string | undefined {
  const [document = ""] = place.split(":");
  const imported = args.includes("--import") ? args[args.indexOf("--import") + 1] : undefined;
  if (imported?.startsWith("./") === true) {
    if (!isNamedOn(document, imported.slice(2))) return `the page does not say what ${imported} is`;
  } else if (imported !== undefined && problemOfImport(imported) !== undefined)
    return problemOfImport(imported);
  const file = args.find((arg, at) => !arg.startsWith("-") && args[at - 1] !== "--import");
  if (args.some((arg) => /^-(?:e|p|-print|-eval)$/.test(arg))) return undefined;
  if (file === undefined) return "runs no file";
  // The program of the reader, whom the page tells how to start it.
  return file === "agent.mjs" || isNamedOn(document, file) || existsSync(new URL(file, root))
    ? undefined
    : `the page does not say what ${file} is`;
}

/** Whether a page says to save a file, or shows it, or has a command that writes it. */
function isNamedOn(document: string, file: string): boolean {
  const text = read(document);
  const prose = text.replaceAll(/^```sh[\s\S]*?^```$/gm, "");
  const ends = [`\`${file}\``, `/${file}\``, `/${file} -->`];
  return ends.some((end) => prose.includes(end)) || text.includes(`--outfile=${file}`);
}

function problemOfImport(specifier: string): string | undefined {
  const { exports } = JSON.parse(read("package.json"));
  const entry = specifier.replace(/^mcp-auth-runtime/, ".");
  return Object.hasOwn(exports, entry) ? undefined : `the package has no entry point ${specifier}`;
}

function problemOfNpm(args: readonly string[], place: string): string | undefined {
  const [command = "", script = ""] = args;
  const [document = ""] = place.split(":");
  const own = document.replace(/[^/]+$/, "package.json");
  const path = existsSync(new URL(own, root)) ? own : "package.json";
  if (["install", "ci", "pkg", "audit", "publish", "version", "deprecate"].includes(command))
    return undefined;
  const name = command === "run" ? script : command;
  const { scripts = {} } = JSON.parse(read(path));
  return Object.hasOwn(scripts, name) ? undefined : `${path} has no script ${name}`;
}
