import { existsSync, readFileSync } from "node:fs";
import { bundled } from "./scripts/library-parts.mjs";

// Any folder above the config in the program may know these files, because they hold only types.
export const typesOnly = [
  "src/config/spec.ts",
  "src/config/renewal-spec.ts",
  "src/config/generated/types.ts",
];

// Files that a folder may import although the table in ARCHITECTURE.md does not name their folder.
const exceptions = [
  {
    folders: ["hosts", "cli", "proxy", "register"],
    files: ["src/runtime/manager-internals.ts"],
    reason: "These folders need more of a token manager than the public API shows to users.",
  },
  {
    folders: ["cli"],
    files: ["src/runtime/inspection.ts"],
    reason: "doctor looks at what a token request does on its way, which the public API does not show.",
  },
  {
    folders: ["testing"],
    files: [
      "src/runtime/create-mcp-auth.ts",
      "src/runtime/manager-internals.ts",
      "src/runtime/mcp-auth-options.ts",
      "src/runtime/mcp-auth.ts",
      "src/runtime/server-tokens.ts",
      "src/runtime/subjects.ts",
      "src/runtime/token-manager.ts",
    ],
    reason:
      "The fake is the real runtime. It changes the state of its tokens, which the public API does not show.",
  },
  {
    folders: ["register"],
    files: [
      "src/runtime/create-runtime.ts",
      "src/runtime/mcp-auth.ts",
      "src/runtime/runtime.ts",
      "src/runtime/token-manager.ts",
    ],
    reason: "Every start of a process pays for what it loads, and the public API loads all of it.",
  },
];

/**
 * Reads the table under `## Modules` in ARCHITECTURE.md.
 *
 * @returns {Map<string, string[]>} by folder, the folders that its row names; the lowest folder comes first
 */
function readTable() {
  const [, section = ""] = readFileSync("ARCHITECTURE.md", "utf8").split(/^## Modules$/m);
  const lines = section
    .split(/^## /m)[0]
    .split("\n")
    .filter((line) => line.startsWith("|"));
  const [header, , ...rows] = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  if (header?.join() !== "folder,holds,may import" || rows.length === 0)
    throw malformed("`## Modules` needs a table with the columns `folder`, `holds` and `may import`");
  const table = new Map();
  for (const cells of rows) {
    const [, folder] = /^`src\/([\w-]+)(?:[.]ts)?`$/.exec(cells[0]) ?? [];
    if (cells.length !== 3 || folder === undefined || table.has(folder))
      throw malformed(
        `the row of ${cells[0]} needs three cells, and a folder such as \`src/lib\` of its own`,
      );
    if (!existsSync(`src/${folder}`) && !existsSync(`src/${folder}.ts`))
      throw malformed(`there is no src/${folder}`);
    const above = [...table.keys()];
    const named = cells[2].replace("the public API", "index").split(", ");
    if (cells[2] === "every folder above") table.set(folder, above);
    else if (cells[2] === "nothing") table.set(folder, []);
    else table.set(folder, named);
    const unknown = table.get(folder).find((name) => !above.includes(name));
    if (unknown !== undefined)
      throw malformed(
        `src/${folder} may import only folders of rows above it, and no row above has "${unknown}"`,
      );
  }
  return table;
}

function malformed(problem) {
  return new Error(`ARCHITECTURE.md: ${problem}. CI reads the table, see .dependency-cruiser.mjs.`);
}

const table = readTable();

/** The folders that a row names, with everything that those may import. The public API hides what is behind it. */
function reachable(folder) {
  const named = table.get(folder);
  const more = named.flatMap((name) => (name === "index" ? [] : reachable(name)));
  return [...new Set(["errors", "lib", ...named, ...more])];
}

function filesOf(folders) {
  return `^src/(${folders.join("|")})(/|[.]ts$)`;
}

function exactly(file) {
  if (!existsSync(file)) throw new Error(`.dependency-cruiser.mjs names ${file}, which does not exist.`);
  return `^${file.replaceAll(".", "[.]")}$`;
}

function rule(folder, isAboveConfig) {
  const lowest = ["errors", "lib"].slice(0, ["errors", "lib"].indexOf(folder) + 1);
  const folders = lowest.length > 0 ? lowest : [folder, ...reachable(folder)];
  const files = exceptions.filter((each) => each.folders.includes(folder)).flatMap((each) => each.files);
  return {
    name: `folder-${folder}`,
    severity: "error",
    comment: "The table in ARCHITECTURE.md says what a folder may import.",
    from: { path: filesOf([folder]) },
    to: {
      path: "^src/",
      pathNot: [filesOf(folders), ...[...files, ...(isAboveConfig ? typesOnly : [])].map(exactly)],
    },
  };
}

const folders = [...table.keys()];

export default {
  forbidden: [
    ...folders.map((folder, index) => rule(folder, index > folders.indexOf("config"))),
    {
      name: "known-folder",
      severity: "error",
      comment: "A new folder needs a row in the table of ARCHITECTURE.md.",
      from: { path: "^src/", pathNot: [filesOf(folders)] },
      to: {},
    },
    { name: "no-cycle", severity: "error", from: { path: "^src/" }, to: { circular: true } },
    {
      name: "only-run-time-dependencies",
      severity: "error",
      comment: "What src imports is installed with the package.",
      from: { path: "^src/" },
      to: {
        // The optional peers are also development dependencies, for the tests. The build bundles the others.
        pathNot: `(^|/)node_modules/(${["redis", "@opentelemetry/api", ...bundled].join("|")})/`,
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "npm-optional", "npm-peer", "npm-bundled"],
      },
    },
    {
      name: "only-src",
      severity: "error",
      comment: "src imports nothing else of this project.",
      from: { path: "^src/" },
      to: { dependencyTypes: ["local"], pathNot: ["^src/"] },
    },
    { name: "resolvable", severity: "error", from: { path: "^src/" }, to: { couldNotResolve: true } },
    {
      name: "no-deprecated-core",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["deprecated"] },
    },
  ],
  options: {
    // dependency-cruiser cannot use TypeScript 7. Without a parser for TypeScript it would find nothing and pass.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
