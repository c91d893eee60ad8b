// `npm run check:self`: do the steps of `npm run check` really find what they are there for? Each plant below is put
// into a copy of the project, and the step it is meant for must fail there and name it. A step that failed for another
// reason would prove nothing, so an untouched copy has to pass first.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { inParallel, secondsSince } from "./run.mjs";
import { steps } from "./steps.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stepNamed = (name) => steps.find((step) => step.name === name);

// `found` must show in what the step says.
const plants = [
  plant("a type error", "types", /planted\.ts.*TS2322/, {
    "src/lib/planted.ts": 'export const planted: number = "text";\n',
  }),
  plant("a call that strict settings refuse", "types", /planted\.ts.*TS2322/, {
    "src/lib/planted.ts": "export const planted: string = ([] as readonly string[])[0];\n",
  }),
  plant("an `any`", "biome", /planted\.ts.*noExplicitAny/, {
    "src/lib/planted.ts": "export const planted: any = 1;\n",
  }),
  plant("a `!`", "biome", /planted\.ts.*noNonNullAssertion/, {
    "src/lib/planted.ts": "export const planted = (text: string | undefined): string => text!;\n",
  }),
  plant("a skipped test", "biome", /planted\.test\.ts.*noSkippedTests/, {
    "test/unit/planted.test.ts": 'import { test } from "vitest";\n\ntest.skip("planted", () => {});\n',
  }),
  plant("a file that is not formatted", "biome", /planted\.ts format/, {
    "src/lib/planted.ts": "export const planted   = 1;\n",
  }),
  plant("an export without a user", "knip", /planted .*src\/errors\/error\.ts/, {
    "src/errors/error.ts": (text) => `${text}\nexport const planted = 1;\n`,
  }),
  plant("a file without a user", "knip", /Unused files[\s\S]*src\/lib\/planted\.ts/, {
    "src/lib/planted.ts": "export const planted = 1;\n",
  }),
  plant("a dependency without a user", "knip", /Unused dependencies[\s\S]*semver/, {
    "package.json": (text) => text.replace('"dependencies": {', '"dependencies": {\n    "semver": "*",'),
  }),
  plant("an export that points nowhere", "publint", /planted\.js/, {
    "package.json": (text) => text.replace('"./dist/index.js"', '"./dist/planted.js"'),
  }),
  plant("types after the default condition", "publint", /types should be the first/, {
    "package.json": (text) =>
      text.replace(
        /"types": "\.\/dist\/index\.d\.ts",\s*"default": "\.\/dist\/index\.js"/,
        '"default": "./dist/index.js", "types": "./dist/index.d.ts"',
      ),
  }),
  plant("declarations that do not resolve", "attw", /Internal resolution error/i, {
    "dist/index.d.ts": (text) => text.replaceAll('.js";', '";'),
  }),
  plant("types that are not there", "attw", /Resolution failed|Untyped|No types/i, {
    "package.json": (text) => text.replaceAll("./dist/hosts/mcp-sdk.d.ts", "./dist/hosts/planted.d.ts"),
    "dist/hosts/mcp-sdk.d.ts": null,
  }),
  plant("an import upwards", "imports", /folder-lib: src\/lib\/duration\.ts -> src\/config\/spec\.ts/, {
    "src/lib/duration.ts": (text) => `import type {} from "../config/spec.js";\n${text}`,
  }),
  plant("a dynamic import upwards", "imports", /folder-net: src\/net\/planted\.ts -> src\/oauth\/grant\.ts/, {
    "src/net/planted.ts": 'export const planted = () => import("../oauth/grant.js");\n',
  }),
  plant(
    "a dynamic import upwards, deep inside",
    "imports",
    /folder-secrets: src\/secrets\/planted\.ts -> src\/keys\//,
    {
      "src/secrets/planted.ts": [
        "export class Planted {",
        "  readonly #open = async (names: readonly string[]): Promise<unknown[]> =>",
        '    Promise.all(names.map(async () => ({ ...(await import("../keys/load-key.js")) })));',
        "  open = this.#open;",
        "}",
        "",
      ].join("\n"),
    },
  ),
  plant(
    "an import across two folders",
    "imports",
    /folder-schedule: src\/schedule\/planted\.ts -> src\/tokens\//,
    {
      "src/schedule/planted.ts": 'export { Token } from "../tokens/token.js";\n',
    },
  ),
  plant(
    "a host that reaches into the runtime",
    "imports",
    /folder-hosts: src\/hosts\/mcp-sdk\.ts -> src\/runtime\//,
    {
      "src/hosts/mcp-sdk.ts": (text) => `import "../runtime/create-mcp-auth.js";\n${text}`,
    },
  ),
  plant("the public API loading a host", "imports", /public-api: src\/index\.ts -> src\/hosts\/mcp-sdk\.ts/, {
    "src/index.ts": (text) => `${text}export { authProvider } from "./hosts/mcp-sdk.js";\n`,
  }),
  plant("a folder that is not in the table", "imports", /known-folder: src\/planted\/planted\.ts/, {
    "src/planted/planted.ts": 'import "../lib/duration.js";\n',
  }),
  plant("a cycle", "imports", /no-cycle: src\/lib\/planted-[ab]\.ts/, {
    "src/lib/planted-a.ts": 'import "./planted-b.js";\nexport const a = 1;\n',
    "src/lib/planted-b.ts": 'export const b = () => import("./planted-a.js");\n',
  }),
  plant("a development dependency in src", "imports", /only-run-time-dependencies: src\/lib\/planted\.ts/, {
    "src/lib/planted.ts": 'export const planted = () => import("ajv");\n',
  }),
  plant("values among the types of the config", "imports", /spec\.ts may be imported from everywhere/, {
    "src/config/spec.ts": (text) => `${text}\nexport const planted = 1;\n`,
  }),
  plant("a folder that the table gives less", "imports", /folder-http: src\/http\/\S+ -> src\/tokens\//, {
    "ARCHITECTURE.md": (text) => text.replace("| net, dpop, discovery, tokens |", "| net, dpop, discovery |"),
  }),
  plant("a table that names no such folder", "imports", /ARCHITECTURE\.md: there is no src\/planted/, {
    "ARCHITECTURE.md": (text) => text.replace("| `src/net` |", "| `src/planted` |"),
  }),
  plant("a row that points upwards", "imports", /src\/net .* no row above has "tokens"/, {
    "ARCHITECTURE.md": (text) => text.replace(/(\| `src\/net` \|.*\|) errors, lib \|/, "$1 tokens |"),
  }),
  plant("no parser for dependency-cruiser", "imports", /not seen by dependency-cruiser/, {
    ".dependency-cruiser.mjs": (text) => text.replace('parser: "swc"', 'parser: "acorn"'),
  }),
  plant("a stale generated file", "generated", /types\.ts/, {
    "src/config/generated/types.ts": (text) => `${text}\nexport type Planted = 1;\n`,
  }),
  plant("a schema without its generated files", "generated", /validate\.js|types\.ts|reference/, {
    "schema/mcp-auth.schema.json": (text) => text.replace(/"description": "/, '"description": "Planted. '),
  }),
  plant("a source that is too long", "files", /planted\.ts: 401 lines/, {
    "src/lib/planted.ts": "// planted\n".repeat(401),
  }),
  plant("a locked download address", "files", /package-lock\.json:\d+: a locked download address/, {
    "package-lock.json": (text) =>
      text.replace('"license"', `"${"resolved"}": "https://example.com/a.tgz",\n"license"`),
  }),
  plant("a lock file that lacks a platform", "files", /cli-darwin-arm64 is missing/, {
    "package-lock.json": (text) =>
      text.replace('"node_modules/@biomejs/cli-darwin-arm64"', '"node_modules/planted"'),
  }),
  plant("a path of one machine", "files", /planted\.md:1: a path of one machine/, {
    "docs/planted.md": `See ${["", "home", "someone", "notes.md"].join("/")}.\n`,
  }),
  plant("a registry's address", "files", /planted\.md:1: a registry's address/, {
    "docs/planted.md": `See ${["https:", "", "registry.example", "x"].join("/")}.\n`,
  }),
  plant("a test that measures time", "files", /planted\.test\.ts:4: a test that measures time/, {
    "test/unit/planted.test.ts": [
      'import { expect, test } from "vitest";',
      "const began = performance.now();",
      'test("planted", () => {',
      "  expect(performance.now() - began).toBeLessThan(5_000);",
      "});",
      "",
    ].join("\n"),
  }),
  plant("ajv at run time", "run-time", /dist imports ajv[\s\S]*does not load: .*ajv/, {
    "src/index.ts": (text) => `import Ajv from "ajv";\n${text}export const planted = new Ajv.Ajv();\n`,
  }),
  plant("ajv at run time, loaded late", "run-time", /dist imports ajv/, {
    "src/index.ts": (text) => `${text}export const planted = () => import("ajv");\n`,
  }),
  plant("a package that is no dependency", "run-time", /dist imports jose, which is no dependency/, {
    "package.json": (text) => text.replace(/"jose": "[^"]+",/, ""),
  }),
];

/** `files`: path → new text, a function of the present text, or `null` for gone. */
function plant(name, step, found, files) {
  return { name, step, found, files };
}

const started = performance.now();
const workshop = await mkdtemp(join(tmpdir(), "check-self-"));
try {
  const clean = await copyOf(root, join(workshop, "clean"));
  const baseline = await passes(clean);
  const results = baseline
    ? await inParallel(plants, availableParallelism(), (each) => caught(each, clean))
    : [];
  const passed = results.filter(Boolean).length;
  console.log(`${secondsSince(started)}`);
  console.log(`${passed} passed, ${baseline ? plants.length - passed : plants.length} failed`);
  process.exitCode = passed === plants.length ? 0 : 1;
} finally {
  await rm(workshop, { recursive: true, force: true });
}

async function passes(clean) {
  const built = await stepNamed("build").check(clean);
  const rest = steps.filter(({ name }) => name !== "build");
  const results = await inParallel(rest, availableParallelism(), async (step) => ({
    step,
    ...(await step.check(clean)),
  }));
  const failed = [{ step: stepNamed("build"), ...built }, ...results].filter(({ code }) => code !== 0);
  for (const { step, output } of failed) {
    console.log(
      `FAIL  ${step.name} fails on an untouched copy\n${output.split("\n").slice(0, 40).join("\n")}`,
    );
  }
  return failed.length === 0;
}

async function caught({ name, step, found, files }, clean) {
  const since = performance.now();
  const copy = await copyOf(clean, await mkdtemp(join(workshop, "plant-")));
  try {
    for (const [path, content] of Object.entries(files)) await put(join(copy, path), content);
    // The built files of the untouched copy are as good, unless a plant is to get into them.
    if (step === "run-time" && Object.keys(files).some((path) => path.startsWith("src/"))) {
      const { code, output } = await stepNamed("build").check(copy);
      if (code !== 0) return verdict("the build failed already", output);
    }
    const { code, output } = await stepNamed(step).check(copy);
    if (code === 0) return verdict("the step passes", output);
    return found.test(output) ? verdict() : verdict("the step fails and does not name it", output);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }

  function verdict(problem, output = "") {
    const line = `${step.padEnd(10)} ${name}  ${secondsSince(since)}`;
    console.log(problem === undefined ? `ok    ${line}` : `FAIL  ${line}: ${problem}`);
    if (problem !== undefined)
      console.log(
        output
          .split("\n")
          .slice(0, 40)
          .map((text) => `      | ${text}`)
          .join("\n"),
      );
    return problem === undefined;
  }
}

async function put(path, content) {
  if (content === null) return rm(path);
  await mkdir(dirname(path), { recursive: true });
  if (typeof content === "string") return writeFile(path, content);
  const before = await readFile(path, "utf8");
  const after = content(before);
  if (after === before) throw new Error(`The plant for ${relative(workshop, path)} changes nothing.`);
  await writeFile(path, after);
}

/** The project with its `node_modules` linked; other packages inside it come without theirs. */
async function copyOf(source, target) {
  await mkdir(target, { recursive: true });
  for (const name of await readdir(source)) {
    if (name === "node_modules" || name === ".git" || (source === root && name === "dist")) continue;
    await cp(join(source, name), join(target, name), {
      recursive: true,
      filter: (path) => !relative(source, path).split(sep).includes("node_modules"),
    });
  }
  await symlink(join(root, "node_modules"), join(target, "node_modules"), "dir");
  return target;
}
