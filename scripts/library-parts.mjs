// What dist contains of the libraries that are built in: only the parts that this project uses.
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

/** Libraries that take long to load, or that cannot be bundled well. They are built in, so they are no dependencies. */
export const bundled = [
  ...["cosmiconfig", "jose", "leven", "node-cron", "undici", "yaml"],
  // For a person at a terminal.
  ...["@clack/prompts", "cli-table3", "fast-wrap-ansi", "yocto-spinner"],
];

/** What the modules of a library import and this project does not use: by path of the module, and by what it imports. */
const unused = [
  // Its own search, and its loaders, which run code.
  [/cosmiconfig.dist.ExplorerSync/, /defaults/],
  [/cosmiconfig.dist.ExplorerBase/, /^(env-paths|os)$/],
  [/cosmiconfig.dist.util/, /^fs$/],
  // HTTP/2, bodies that fetch does not send, and a second parser for processors with SIMD.
  [/undici.lib.dispatcher.client/, /client-h2|fetch.body|simd/],
  // Writing YAML, tags of YAML 1.1, and values as JavaScript objects.
  [
    /yaml.browser/,
    /stringify[/]|createNode|visit[.]js|yaml-1[.]1|json.schema|cst-|applyReviver|addPairToJSMap/,
  ],
];

/** Changes the text of modules: by the end of a path, a pattern that must be found, and what replaces it. */
const replaced = {
  // Errors of other parts, and lines that NODE_DEBUG=undici prints.
  "undici/lib/core/errors.js": [
    /^class (InvalidReturnValue|BalancedPool|RequestRetry|Response(?=Error)|SecureProxy|Socks5|MessageSize)\w+ [\s\S]*?^\}$|^ {2}(InvalidReturnValue|BalancedPool|RequestRetry|Response(?=Error)|SecureProxy|Socks5|MessageSize)\w+,?$/gm,
    "",
  ],
  "undici/lib/core/diagnostics.js": [/^let isTrackingClientEvents[\s\S]*?(?=^module[.]exports)/m, ""],
  // The tables for programs that generate parsers.
  "undici/lib/llhttp/constants.js": [/^exports[.]FLAGS = .*/ms, ""],
  "undici/lib/llhttp/llhttp-wasm.js": [/'([\w+/]+=*)'/, (_, bytes) => compressed(bytes)],
  // The file of a background process. A bundle in CommonJS has no `import.meta.url`.
  "node-cron/dist/node-cron.js": [/^const \w+ = .*import[.]meta[.]url.*$/gm, ""],
};

/** The same bytes in a third of the space. Uncompressed, they would be a tenth of each program that is bundled. */
function compressed(base64) {
  const bytes = brotliCompressSync(Buffer.from(base64, "base64")).toString("base64");
  return `process.getBuiltinModule("node:zlib").brotliDecompressSync(Buffer.from("${bytes}", "base64")).toString("base64")`;
}

/** A plugin of rolldown. The libraries get the modules of Node as the sources do: see `lightPlugin()`. */
export function libraryParts(root) {
  return {
    name: "library-parts",
    resolveId(path, importer = "") {
      // That is what the package offers to browsers: ES modules, of which the unused ones can be left out.
      if (path === "yaml") return join(root, "node_modules/yaml/browser/index.js");
      if (!importer.includes("node_modules")) return undefined;
      if (unused.some(([module, imported]) => module.test(importer) && imported.test(path)))
        return "\0unused";
      return isBuiltin(path) ? `\0${path}` : undefined;
    },
    load(id) {
      if (id === "\0unused") return { code: "module.exports = {};", moduleType: "js" };
      if (isBuiltin(id.slice(1)))
        return { code: `module.exports = process.getBuiltinModule("${id.slice(1)}");`, moduleType: "js" };
      const name = Object.keys(replaced).find((end) =>
        id.replaceAll("\\", "/").endsWith(`/node_modules/${end}`),
      );
      if (name === undefined) return undefined;
      const text = readFileSync(id, "utf8");
      const code = text.replace(...replaced[name]);
      if (code === text) throw new Error(`${name} is written in another way now.`);
      return { code, moduleType: "js" };
    },
  };
}
