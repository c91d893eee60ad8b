// The manual page, from the registry of the commands. `scripts/generate.mjs` writes it.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const program = "mcp-auth-runtime";

/** Returns the pages by path. The second name of the command has the same one. */
export async function manualPages(root) {
  return {
    "man/mcp-auth-runtime.1": page(await definitions(root)),
    "man/mcp-auth.1": `.so man1/${program}.1\n`,
  };
}

/** Loads the sources that define the commands. */
async function definitions(root) {
  const contents = `
    export { commands } from "./src/cli/commands.ts";
    export { commonOptions } from "./src/cli/define-command.ts";
    export { exitCodeMeanings } from "./src/cli/exit-code.ts";
    export { optionText } from "./src/cli/help.ts";
    export { argumentText } from "./src/cli/parse-arguments.ts";
    export { version } from "./src/lib/version.ts";`;
  // Beside the packages that the sources import.
  const folder = join(root, "node_modules/.cache");
  const outfile = join(folder, `manual-page-${process.pid}.mjs`);
  await mkdir(folder, { recursive: true });
  try {
    await build({
      ...{ stdin: { contents, resolveDir: root, loader: "ts" }, absWorkingDir: root, outfile },
      ...{ bundle: true, packages: "external", format: "esm", platform: "node", logLevel: "error" },
    });
    const { commands, ...others } = await import(pathToFileURL(outfile));
    const loaded = [...commands].map(async ([name, { load }]) => ({ name, definition: await load() }));
    return { ...others, commands: await Promise.all(loaded) };
  } finally {
    await rm(outfile, { force: true });
  }
}

function page({ commands, commonOptions, optionText, argumentText, exitCodeMeanings, version }) {
  const options = (all) =>
    Object.entries(all).flatMap(([name, option]) => optionLines(optionText(name, option), option));
  const usage = (name, { args = [], passes }) =>
    [name, ...args.map(argumentText), "[OPTIONS]", ...(passes === undefined ? [] : ["--", passes])].join(" ");
  return roff([
    '.\\" Generated from src/cli/commands.ts by scripts/generate.mjs. Do not edit.',
    // Without a date: the version says how old it is.
    `.TH ${escaped(program.toUpperCase())} 1 "" "${escaped(`${program} ${version}`)}" ""`,
    ".SH NAME",
    `${escaped(program)}, ${escaped("mcp-auth")} \\- machine-to-machine authorization for MCP`,
    ".SH SYNOPSIS",
    `.B ${escaped(program)}`,
    ".I COMMAND",
    ".RI [ OPTIONS ]",
    ".SH DESCRIPTION",
    ...paragraphs(`Gets access tokens for the MCP servers that a config declares, without a person at a browser. The
      config says how the tokens are requested, and where secrets and keys are. Results go to stdout, and everything
      else to stderr. Options may come before the command or after it.`),
    ".SH COMMANDS",
    ...commands.flatMap(({ name, definition }) => [
      `.SS ${escaped(usage(name, definition))}`,
      ...paragraphs(definition.description),
      ...options(definition.options ?? {}),
      ...(definition.notes === undefined ? [] : [".PP", ...paragraphs(definition.notes)]),
      ...[".PP", "Examples:"],
      ...definition.examples.flatMap(([line, does]) => [".TP", bold(`${program} ${line}`), text(does)]),
    ]),
    ".SH OPTIONS",
    "Options of every command:",
    ...options(commonOptions),
    ...[".TP", bold("--version"), "show the version"],
    ".SH EXIT STATUS",
    ...exitCodeMeanings.flatMap(([code, meaning]) => [".TP", bold(String(code)), text(meaning)]),
    ".SH ENVIRONMENT",
    ...variables.flatMap(([name, meaning]) => [".TP", bold(name), text(meaning)]),
    ".SH FILES",
    ...files.flatMap(([name, meaning]) => [".TP", bold(name), text(meaning)]),
    ".SH SEE ALSO",
    text(
      "The pages in docs/ of the package: docs/cli.md describes each command, and docs/config.md the config.",
    ),
  ]);
}

const variables = [
  ["MCP_AUTH_CONFIG", "the config, instead of searching for one; --config takes precedence"],
  ["MCP_AUTH_ALLOW_EXEC", "0: the config runs no command"],
  ["NO_COLOR", "print no colors"],
  ["NODE_DEBUG", "mcp-auth: print each step of a token request on stderr"],
];

const files = [
  [
    "mcp-auth.config.json, mcp-auth.config.yaml, mcp-auth.config.yml, package.json#mcp-auth",
    "the config, in the working directory or above it in the same project",
  ],
];

function optionLines(shown, { help, values }) {
  return [".TP", bold(shown), text(values === undefined ? help : `${help}: ${values.join(", ")}`)];
}

function bold(line) {
  return `\\fB${escaped(line)}\\fR`;
}

/** Returns the lines of a text whose paragraphs are separated by an empty line. */
function paragraphs(source) {
  const all = source.trim().split(/\n\s*\n/);
  return all.flatMap((each, index) => [...(index === 0 ? [] : [".PP"]), text(each)]);
}

/** Returns running text, in lines that end anywhere: a reader of the page breaks them anew. */
function text(source) {
  const lines = [""];
  for (const word of escaped(source).trim().split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length > 80 && lines.at(-1) !== "") lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  // A line that begins with one of these characters is a request.
  return lines.map((line) => line.replace(/^(?=[.'])/, "\\&")).join("\n");
}

/** Escapes what the formatter acts on, and what is not ASCII. */
function escaped(source) {
  return source
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll('"', "\\(dq")
    .replaceAll(/[^\n\x20-\x7e]/gu, (character) => {
      return `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
    });
}

function roff(lines) {
  return `${lines.join("\n")}\n`;
}
