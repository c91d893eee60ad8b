// `npm run check:self [SCRIPT…]`: checks that our own checks find what they are meant to find. Each mistake below is
// planted in a copy of the project, where the script must fail and name it. The mistakes for one script share a copy,
// except those that would hide others.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { inParallel, runScript, secondsSince } from "../../scripts/run.mjs";

const root = join(import.meta.dirname, "../..");

/** `found` must match the output of the script. `files`: by path, the new text, or a function that changes the text. */
const plant = (name, found, files) => ({ name, found, files });

// Where the schema defines it. It is also in a part that only suggests it.
const titleOfDefinition = /"title": "GithubActions",(?=\s+"description")/;

const runs = [
  {
    script: "check:imports",
    plants: [
      plant("an import upwards", /folder-lib: src\/lib\/duration\.ts -> src\/config\/spec\.ts/, {
        "src/lib/duration.ts": (text) => `import type {} from "../config/spec.js";\n${text}`,
      }),
      plant("a dynamic import upwards", /folder-net: src\/net\/planted\.ts -> src\/tokens\/token\.ts/, {
        "src/net/planted.ts": 'export const planted = () => import("../tokens/token.js");\n',
      }),
      plant(
        "a dynamic import upwards, deep inside",
        /folder-secrets: src\/secrets\/planted\.ts -> src\/keys\//,
        {
          "src/secrets/planted.ts": [
            "export class Planted {",
            "  readonly #open = async (names: readonly string[]): Promise<unknown[]> =>",
            '    Promise.all(names.map(async () => ({ ...(await import("../keys/load-key.js")) })));',
            "  open = this.#open;",
            "}\n",
          ].join("\n"),
        },
      ),
      plant("an import across two folders", /folder-schedule: src\/schedule\/planted\.ts -> src\/tokens\//, {
        "src/schedule/planted.ts": 'export { Token } from "../tokens/token.js";\n',
      }),
      plant(
        "a folder whose row in the table has lost an import",
        /folder-http: src\/http\/\S+ -> src\/tokens\//,
        {
          "ARCHITECTURE.md": (text) => text.replace(/^(\| `src\/http` .*), tokens/m, "$1"),
        },
      ),
      plant(
        "a host that reaches into the runtime",
        /folder-hosts: src\/hosts\/mcp-sdk\.ts -> src\/runtime\//,
        {
          "src/hosts/mcp-sdk.ts": (text) => `import "../runtime/create-mcp-auth.js";\n${text}`,
        },
      ),
      plant("the public API loading a host", /folder-index: src\/index\.ts -> src\/hosts\/mcp-sdk\.ts/, {
        "src/index.ts": (text) => `${text}export { authProvider } from "./hosts/mcp-sdk.js";\n`,
      }),
      plant("a folder that is not in the table", /known-folder: src\/planted\/planted\.ts/, {
        "src/planted/planted.ts": 'import "../lib/duration.js";\n',
      }),
      plant("a cycle", /no-cycle: src\/lib\/planted-[ab]\.ts/, {
        "src/lib/planted-a.ts": 'import "./planted-b.js";\nexport const a = 1;\n',
        "src/lib/planted-b.ts": 'export const b = () => import("./planted-a.js");\n',
      }),
      plant("a development dependency in src", /only-run-time-dependencies: src\/lib\/planted\.ts/, {
        "src/lib/planted.ts": 'export const planted = () => import("ajv");\n',
      }),
      plant(
        "an import that only shows at run time",
        /late\.ts imports something that only shows at run time/,
        {
          "src/lib/late.ts": "export const planted = (name: string) => import(name);\n",
        },
      ),
      plant("values among the types of the config", /spec\.ts may be imported from everywhere/, {
        "src/config/spec.ts": (text) => `${text}\nexport const planted = 1;\n`,
      }),
    ],
  },
  {
    script: "check:imports",
    plants: [
      plant("no parser for dependency-cruiser", /not seen by dependency-cruiser: src\/index\.ts/, {
        ".dependency-cruiser.mjs": (text) => text.replace('parser: "swc"', 'parser: "acorn"'),
      }),
    ],
  },
  ...[
    plant("a table that names no such folder", /ARCHITECTURE\.md: there is no src\/planted/, {
      "ARCHITECTURE.md": (text) => text.replace("| `src/net` |", "| `src/planted` |"),
    }),
    plant("a row that points upwards", /ARCHITECTURE\.md: src\/net .* no row above has "tokens"/, {
      "ARCHITECTURE.md": (text) => text.replace(/(\| `src\/net` \|.*\|) errors, lib \|/, "$1 tokens |"),
    }),
    plant("no table", /ARCHITECTURE\.md: `## Modules` needs a table/, {
      "ARCHITECTURE.md": (text) => text.replace("## Modules", "## Folders"),
    }),
  ].map((each) => ({ script: "check:imports", plants: [each] })),
  {
    script: "check:generated",
    plants: [
      plant("a stale generated file", /plain-schema\.ts is stale/, {
        "src/config/generated/plain-schema.ts": (text) => `${text}\nexport type Planted = 1;\n`,
      }),
      plant("a schema without what editors need", /mcp-auth\.schema\.json is stale/, {
        "schema/mcp-auth.schema.json": (text) =>
          text.replace('"doNotSuggest": true', '"doNotSuggest": false'),
      }),
      plant(
        "a schema without its generated files",
        /types\.ts is stale[\s\S]*config-reference\.md is stale/,
        {
          "schema/mcp-auth.schema.json": (text) =>
            text.replace(/"description": "/, '"description": "Planted. '),
        },
      ),
    ],
  },
  // The generator ends at the first of these. Each would compile to a validator that fails or accepts too much.
  ...[
    plant("a closed object without a title", /needs a title of its own; undefined is none/, {
      "schema/mcp-auth.schema.json": (text) => text.replace(titleOfDefinition, ""),
    }),
    plant("a closed object with the title of another", /needs a title of its own; Retry is none/, {
      "schema/mcp-auth.schema.json": (text) => text.replace(titleOfDefinition, '"title": "Retry",'),
    }),
    plant("a closed object with patterns for names", /Nothing is known of this condition/, {
      "schema/mcp-auth.schema.json": (text) =>
        text.replace(titleOfDefinition, '$& "patternProperties": { "^x-": {} },'),
    }),
    plant("a keyword that needs a function of ajv", /would fail at run time: .*\bfunc\d/, {
      "schema/mcp-auth.schema.json": (text) =>
        text.replace('"description": "The `aud` that', '"maxLength": 9, $&'),
    }),
  ].map((each) => ({ script: "check:generated", plants: [each] })),
  {
    script: "check:files",
    plants: [
      plant("a locked download address", /package-lock\.json:\d+: a locked download address/, {
        "package-lock.json": (text) =>
          text.replace('"license"', `"${"resolved"}": "https://example.com/a.tgz",\n"license"`),
      }),
      plant("a path of one machine", /path\.md:1: a path of one machine/, {
        "docs/path.md": `See ${["", "home", "someone", "notes.md"].join("/")}.\n`,
      }),
      plant("a registry's address", /address\.md:1: a registry's address/, {
        "docs/address.md": `See ${["https:", "", "registry.example", "x"].join("/")}.\n`,
      }),
      plant("a private key", /key\.md:1: a private key/, {
        "docs/key.md": `${["-----BEGIN", "PRIVATE KEY-----"].join(" ")}\n${"A".repeat(64)}\n`,
      }),
      plant("a test that measures time", /planted\.test\.ts:2: a test that measures time/, {
        "test/unit/planted.test.ts":
          "const began = performance.now();\nexpect(performance.now() - began).toBeLessThan(5_000);\n",
      }),
      plant(
        "a test that replaces a module without isolation",
        /replaced\.test\.ts:1: a replaced module outside of/,
        { "test/integration/replaced.test.ts": 'vi.mock("../../src/index.js", { spy: true });\n' },
      ),
    ],
  },
  {
    script: "check:surface",
    plants: [
      plant("a change of the public API", /npm run surface[\s\S]*\+ +declare const planted: string;/, {
        "dist/index.d.ts": (text) => `${text}export declare const planted: string;\n`,
      }),
    ],
  },
];

const started = performance.now();
const workshop = await mkdtemp(join(tmpdir(), "check-self-"));
try {
  const { code, output } = await runScript("build", root);
  if (code !== 0) throw new Error(output);
  const wanted = runs.filter(({ script }) => process.argv.length === 2 || process.argv.includes(script));
  const results = (await inParallel(wanted, availableParallelism(), outcomes)).flat();
  const passed = results.filter(Boolean).length;
  console.log(secondsSince(started));
  console.log(`${passed} passed, ${results.length - passed} failed`);
  process.exitCode = passed === results.length ? 0 : 1;
} finally {
  await rm(workshop, { recursive: true, force: true });
}

async function outcomes({ script, plants }) {
  const copy = await mkdtemp(join(workshop, "copy-"));
  await copyProject(copy);
  for (const { files } of plants)
    for (const [path, content] of Object.entries(files)) await put(join(copy, path), content);
  const { code, output } = await runScript(script, copy);
  const results = plants.map(({ name, found }) => {
    const isFound = code !== 0 && found.test(output);
    console.log(`${isFound ? "ok  " : "FAIL"}  ${script.padEnd(15)} ${name}`);
    return isFound;
  });
  if (results.includes(false)) console.log(output.trimEnd().replace(/^/gm, "      | "));
  return results;
}

async function put(path, content) {
  await mkdir(dirname(path), { recursive: true });
  if (typeof content === "string") return writeFile(path, content);
  const before = await readFile(path, "utf8");
  const after = content(before);
  if (after === before) throw new Error(`The plant in ${relative(workshop, path)} changes nothing.`);
  await writeFile(path, after);
}

/** Copies the project. Its `node_modules` is linked, and those of other packages in it are left out. */
async function copyProject(copy) {
  const names = (await readdir(root)).filter((name) => ![".git", "node_modules"].includes(name));
  const filter = (path) => !relative(root, path).split(sep).includes("node_modules");
  for (const name of names) {
    await cp(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true, filter });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "dir");
}
