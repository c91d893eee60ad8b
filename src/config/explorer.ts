import { basename } from "node:path";
import type { Loader, Options, PublicExplorer } from "cosmiconfig";
import type { FileContent } from "./read-file.js";

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
 * The class behind `cosmiconfig()`. The function itself first loads `.config/config.*` of the working directory as
 * its own configuration, which may be code; with a `stopDir` it also runs `~/.config/mcp-auth/config.js`. We ask
 * this class for single files. Its loaders give text back, since `$import` in a parsed one would load more files.
 * It opens the path once more; what it reads there is not used, since only what we read was judged.
 */
export async function createExplorer(): Promise<Explore> {
  // The class is there in every 9.x but stripped from the declarations as internal.
  const { Explorer } = (await import("cosmiconfig/dist/Explorer.js")) as unknown as {
    Explorer: new (options: Options & { metaConfigFilePath: null }) => PublicExplorer;
  };
  let judged = "";
  const asText: Loader = () => ({ text: judged });
  const json: Loader = async (file) => {
    if (basename(file) !== manifest) return { text: judged };
    return (await hasConfig(judged)) ? { [moduleName]: { text: judged } } : {};
  };
  const explorer = new Explorer({
    searchPlaces: places,
    loaders: { ".json": json, ".yaml": asText, ".yml": asText },
    packageProp: [moduleName],
    searchStrategy: "none",
    metaConfigFilePath: null,
    cache: false,
    ignoreEmptySearchPlaces: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    transform: (result) => result,
  });
  return async (file, { text }) => {
    judged = text;
    const result = await explorer.load(file);
    // It calls no loader for an empty file, and finds nothing in a package.json without our property.
    return result === null || (result.isEmpty === true && basename(file) === manifest) ? undefined : text;
  };
}
