import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreSystemError } from "../errors/expected-errors.js";
import { nearNames } from "../lib/near-names.js";
import { printable } from "../lib/printable.js";
import { configFileNames, packageJson } from "./cosmiconfig.js";

const preferredName = "mcp-auth.config.json";

// A folder may have any number of files, and this is only for a message.
const maxEntries = 10_000;
const maxLines = 5;

/** What people call a config, in lower case and without separators and extension. */
const configNames: ReadonlySet<string> = new Set([
  ...["mcpauthconfig", "mcpauthconf", "mcpauthconfiguration", "mcpauth", "mcpauthrc"],
  ...["mcpauthruntime", "mcpauthruntimeconfig"],
]);

/** Returns a sentence for each file in these folders that is probably meant as the config but has another name. */
export async function describeSimilarFiles(folders: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const folder of folders) {
    for (const entry of await entriesOf(folder)) {
      const remedy = remedyFor(entry);
      if (remedy === undefined) continue;
      lines.push(`Found ${printable(join(folder, entry.name))}, which is not read. ${remedy}.`);
    }
  }
  return lines.slice(0, maxLines);
}

/** Returns the names in a folder that a name is probably a typo of. */
export async function similarNames(folder: string, name: string): Promise<readonly string[]> {
  return nearNames(
    name,
    (await entriesOf(folder)).filter(({ isFolder }) => !isFolder).map((entry) => entry.name),
  );
}

interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
}

async function entriesOf(folder: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      entries.push({ name: entry.name, isFolder: entry.isDirectory() });
      if (entries.length === maxEntries) break;
    }
  } catch (error) {
    ignoreSystemError(error);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const asData = `A config is data: write it as ${preferredName}, or pass it in code to createMcpAuth({ config })`;

/** What to do with a file, by its extension. */
const remedies: Readonly<Record<string, string>> = {
  json: `Rename it to ${preferredName}`,
  jsonc: `Rename it to ${preferredName}, which may have comments`,
  json5: `Rename it to ${preferredName}, which may have comments and trailing commas`,
  yaml: "Rename it to mcp-auth.config.yaml",
  yml: "Rename it to mcp-auth.config.yml",
  ...{ js: asData, mjs: asData, cjs: asData, ts: asData, mts: asData, cts: asData },
  toml: `Write it as ${preferredName} or mcp-auth.config.yaml`,
  "": `Rename it to ${preferredName} or mcp-auth.config.yaml`,
};

/** Returns what to do with a file or folder that has almost the name of a config, or the name of one and is none. */
function remedyFor({ name, isFolder }: Entry): string | undefined {
  if (configFileNames.includes(name)) {
    const isConfig = !isFolder || name === packageJson;
    return isConfig ? undefined : "It is a folder. Docker creates one if a file to be mounted does not exist";
  }
  if (isFolder) return undefined;
  // Windows hides the extension that its editor adds.
  const shown = name.replace(/\.txt$/i, "");
  const [, extension = ""] = /.\.([a-z0-9]+)$/i.exec(shown) ?? [];
  const isKnown = Object.hasOwn(remedies, extension.toLowerCase());
  const base = isKnown ? shown.slice(0, -extension.length) : shown;
  const letters = base.toLowerCase().replaceAll(/[-_.\s]/g, "");
  const own = remedies[isKnown ? extension.toLowerCase() : ""];
  if (configNames.has(letters)) return own;
  // A project may have one file per environment.
  if (letters.startsWith("mcpauthconfig")) {
    const isOther = !isKnown || /example|sample|schema/.test(letters);
    return isOther ? undefined : "If it is the one to use, name it with --config or MCP_AUTH_CONFIG";
  }
  return nearNames(letters, ["mcpauthconfig"]).length > 0 ? own : undefined;
}
