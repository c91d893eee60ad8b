import { expect, test } from "vitest";
import { moveHelpers, packageFolders, removeFacades } from "../../scripts/bundle.mjs";

const chunk = (name, code, more = {}) => ({
  name,
  fileName: `chunks/${name}-1.js`,
  isEntry: false,
  moduleIds: ["src/module.ts"],
  imports: [],
  exports: [],
  code,
  ...more,
});
const byName = (chunks) => Object.fromEntries(chunks.map((each) => [each.fileName, each]));

/** A layer with two exports, a chunk that imports a third one lazily, and that third one. */
function filesWith(code, exports, more = {}) {
  const imports = ["chunks/request-1.js"];
  const facade = chunk("create-grant", code, { moduleIds: [], imports, exports, ...more });
  const layer = chunk("request", "", { exports: ["createGrant", "createGrant$1"] });
  return byName([layer, chunk("caller", 'import("./create-grant-1.js")'), facade]);
}

test("a chunk that passes on an export of a layer under the same name is removed", () => {
  const files = filesWith('import { createGrant } from "./request-1.js";\n\nexport { createGrant };\n', [
    "createGrant",
  ]);
  removeFacades(files);
  expect(Object.keys(files)).toEqual(["chunks/request-1.js", "chunks/caller-1.js"]);
  expect(files["chunks/caller-1.js"].code).toBe('import("./request-1.js")');
});

test.each([
  [
    "imports under another name",
    'import { createGrant$1 as createGrant } from "./request-1.js";\nexport { createGrant };',
  ],
  [
    "exports under another name",
    'import { createGrant$1 } from "./request-1.js";\nexport { createGrant$1 as createGrant };',
  ],
  ["does something else", 'import { createGrant } from "./request-1.js";\nstart();\nexport { createGrant };'],
])("a chunk that %s stays", (_, code) => {
  const files = filesWith(code, ["createGrant"]);
  removeFacades(files);
  expect(Object.keys(files)).toContain("chunks/create-grant-1.js");
  expect(files["chunks/caller-1.js"].code).toBe('import("./create-grant-1.js")');
});

test("a chunk that passes on what is in no layer, or in another folder, stays", () => {
  const code = 'import { createGrant } from "./request-1.js";\nexport { createGrant };';
  for (const more of [{ imports: ["node:fs"] }, { fileName: "create-grant-1.js" }]) {
    const files = filesWith(code, ["createGrant"], more);
    const before = Object.keys(files);
    removeFacades(files);
    expect(Object.keys(files)).toEqual(before);
  }
});

test("the helpers of rolldown become a part of the layer that is always loaded with them", () => {
  const files = byName([
    chunk("load", 'import { h } from "./rolldown-runtime-1.js";\nh();'),
    chunk("yaml", 'import { h } from "./rolldown-runtime-1.js";'),
    chunk("rolldown-runtime", "const h = '$&';"),
  ]);
  moveHelpers(files);
  expect(Object.values(files).map(({ code }) => code)).toEqual([
    "const h = '$&';\nh();",
    'import { h } from "./load-1.js";',
  ]);
});

test("a bundle without helpers, or without a place for them, is refused with the reason", () => {
  const load = chunk("load", "");
  const helpers = chunk("rolldown-runtime", "");
  expect(() => moveHelpers(byName([load]))).toThrow('has no chunk "rolldown-runtime"');
  expect(() => moveHelpers(byName([helpers]))).toThrow('has no chunk "load"');
  expect(() => moveHelpers(byName([load, helpers]))).toThrow("load-1.js does not import the helpers");
});

test("a module belongs to the innermost package, whose name may have a scope", () => {
  expect(
    packageFolders([
      "src/index.ts",
      "node_modules/yaml/browser/index.js",
      "node_modules/yaml/browser/node_modules.js",
      "node_modules/@scope/name/index.js",
      "node_modules/yaml/node_modules/inner/index.js",
      "../elsewhere/node_modules/a/node_modules/@scope/b/c.js",
      "..\\node_modules\\@scope\\windows\\index.js",
    ]),
  ).toEqual([
    "../elsewhere/node_modules/a/node_modules/@scope/b",
    "..\\node_modules\\@scope\\windows",
    "node_modules/@scope/name",
    "node_modules/yaml",
    "node_modules/yaml/node_modules/inner",
  ]);
});
