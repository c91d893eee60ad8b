import { basename } from "node:path";
import type { LoaderSync, OptionsSync, PublicExplorerSync } from "cosmiconfig";
import * as explorer from "cosmiconfig/dist/ExplorerSync.js";
import type { FileContent } from "./file-system.js";

/** The property of a `package.json` that holds a config. */
export const configProperty = "mcp-auth";
export const packageJson = "package.json";
/** The files that are searched for in each folder, in this order. */
export const configFileNames = [
  "mcp-auth.config.json",
  "mcp-auth.config.yaml",
  "mcp-auth.config.yml",
  packageJson,
];

/**
 * Returns the text of a file, or `undefined` for a `package.json` without a config. `content` is what was read from it.
 */
export type ConfigLoader = (file: string, content: FileContent) => Promise<string | undefined>;

/** Whether the text of a `package.json` has a config. The text may have syntax errors. */
export async function hasConfigProperty(text: string): Promise<boolean> {
  if (!text.includes(JSON.stringify(configProperty))) return false;
  const { hasProperty } = await import("./parse-json.js");
  return hasProperty(text, configProperty);
}

/**
 * Uses the class behind `cosmiconfigSync()`, for one file at a time. The function itself first loads `.config/config.*`
 * of the working directory as its own configuration, which may be code, and with a `stopDir` it also runs
 * `~/.config/mcp-auth/config.js`. Our loaders return the text unparsed, because a `$import` in a parsed config would
 * load more files. The class opens the path again, but we use only the content that was checked for trust.
 */
export function createConfigLoader(): ConfigLoader {
  // Every 9.x has the class, but its declaration is marked as internal and stripped.
  const { ExplorerSync } = explorer as unknown as {
    ExplorerSync: new (options: OptionsSync & { metaConfigFilePath: null }) => PublicExplorerSync;
  };
  return async (file, { text }) => {
    const hasConfig = basename(file) !== packageJson || (await hasConfigProperty(text));
    const loadText: LoaderSync = () => ({ text });
    const loadJson: LoaderSync = (path) =>
      basename(path) !== packageJson ? { text } : hasConfig ? { [configProperty]: { text } } : {};
    const result = new ExplorerSync({
      searchPlaces: configFileNames,
      loaders: { ".json": loadJson, ".yaml": loadText, ".yml": loadText },
      packageProp: [configProperty],
      searchStrategy: "none",
      metaConfigFilePath: null,
      cache: false,
      ignoreEmptySearchPlaces: false,
      mergeImportArrays: false,
      mergeSearchPlaces: false,
      transform: (found) => found,
    }).load(file);
    // The class calls no loader for an empty file, and reports a package.json without our property as empty.
    return result === null || (result.isEmpty === true && basename(file) === packageJson) ? undefined : text;
  };
}
