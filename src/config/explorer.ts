import { basename } from "node:path";
import type { LoaderSync, OptionsSync, PublicExplorerSync } from "cosmiconfig";
import type { FileContent } from "./disk.js";

export const moduleName = "mcp-auth";
export const manifest = "package.json";
export const places = ["mcp-auth.config.json", "mcp-auth.config.yaml", "mcp-auth.config.yml", manifest];

/** The text of a file that was read, where it is a config or, for `package.json`, has one. */
export type Explore = (file: string, content: FileContent) => Promise<string | undefined>;

/** Whether the text of a package.json, which may be broken, has a config. */
export async function hasConfig(text: string): Promise<boolean> {
  if (!text.includes(JSON.stringify(moduleName))) return false;
  const { hasProperty } = await import("./parse-json.js");
  return hasProperty(text, moduleName);
}

/**
 * The class behind `cosmiconfigSync()`. The function itself first loads `.config/config.*` of the working directory as
 * its own configuration, which may be code; with a `stopDir` it also runs `~/.config/mcp-auth/config.js`. We ask
 * this class for single files. Its loaders give text back, since `$import` in a parsed one would load more files.
 * It opens the path once more; what it reads there is not used, since only what we read was judged.
 */
export async function createExplorer(): Promise<Explore> {
  // The class is there in every 9.x but stripped from the declarations as internal.
  const { ExplorerSync } = (await import("cosmiconfig/dist/ExplorerSync.js")) as unknown as {
    ExplorerSync: new (options: OptionsSync & { metaConfigFilePath: null }) => PublicExplorerSync;
  };
  return async (file, { text }) => {
    const has = basename(file) !== manifest || (await hasConfig(text));
    const asText: LoaderSync = () => ({ text });
    const json: LoaderSync = (path) =>
      basename(path) !== manifest ? { text } : has ? { [moduleName]: { text } } : {};
    const result = new ExplorerSync({
      searchPlaces: places,
      loaders: { ".json": json, ".yaml": asText, ".yml": asText },
      packageProp: [moduleName],
      searchStrategy: "none",
      metaConfigFilePath: null,
      cache: false,
      ignoreEmptySearchPlaces: false,
      mergeImportArrays: false,
      mergeSearchPlaces: false,
      transform: (found) => found,
    }).load(file);
    // It calls no loader for an empty file, and finds nothing in a package.json without our property.
    return result === null || (result.isEmpty === true && basename(file) === manifest) ? undefined : text;
  };
}
