import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Json } from "../../config/json.js";
import { folderAndParents } from "../../config/project-folders.js";
import { systemErrorCode } from "../../errors/expected-errors.js";
import { pathFrom } from "../../lib/path-inside.js";
import { block } from "./insert-yaml.js";
import { writtenJson } from "./written-json.js";

const schemaPath = join("node_modules", "mcp-auth-runtime", "schema", "mcp-auth.schema.json");

/** Returns the text of a new config. Editors complete from its schema if the package is installed. */
export async function newConfigText(file: string, config: Readonly<Record<string, Json>>): Promise<string> {
  const schema = await findSchema(dirname(file));
  if (/\.ya?ml$/.test(file)) {
    const comment = schema === undefined ? [] : [`# yaml-language-server: $schema=${schema}`];
    return [...comment, ...block(config), ""].join("\n");
  }
  return `${writtenJson({ ...(schema !== undefined && { $schema: schema }), ...config })}\n`;
}

/** Returns the path of the installed schema, relative to a folder of the project, or `undefined`. */
async function findSchema(folder: string): Promise<string | undefined> {
  for (const parent of folderAndParents(folder)) {
    const file = join(parent, schemaPath);
    if (await isFile(file)) {
      return pathFrom(folder, file);
    }
  }
  return undefined;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return false;
  }
}
