import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import Ajv from "ajv/dist/2020.js";
import { beforeAll, expect, it } from "vitest";
import { forPrograms } from "../../../scripts/editor-schema.js";
import { violationsOf, withCredential } from "./violations-of.js";

const root = new URL("../../..", import.meta.url).pathname;
type Node = Readonly<Record<string, unknown>>;
let written: Node;
let schema: Node;

beforeAll(async () => {
  written = JSON.parse(await readFile(join(root, "schema/mcp-auth.schema.json"), "utf8"));
  schema = forPrograms(written);
});

/** Returns every part of the schema with its pointer. */
function* parts(node: unknown, pointer = ""): Generator<readonly [string, Node]> {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) yield [pointer, node as Node]; // Not a list.
  for (const [name, inner] of Object.entries(node)) {
    if (!["default", "examples", "enum"].includes(name)) yield* parts(inner, `${pointer}/${name}`);
  }
}

it("every property, definition and enum value of the schema has a description", () => {
  const silent: string[] = [];
  const described = (part: unknown): boolean => {
    const { description, $ref } = part as Node; // No property has a boolean as its schema.
    if (typeof description === "string" && description.endsWith(".")) return true;
    if (typeof $ref !== "string") return false;
    return described((schema["$defs"] as Node)[$ref.slice("#/$defs/".length)]); // All references begin with #/$defs/.
  };
  for (const [pointer, part] of parts(schema)) {
    for (const group of ["properties", "$defs"]) {
      // Properties in conditions are only tested, so they need no description.
      if (/\/(if|not)(\/|$)/.test(pointer) || pointer.endsWith("/properties")) continue;
      for (const [name, inner] of Object.entries((part[group] ?? {}) as Node)) {
        if (!described(inner)) silent.push(`${pointer}/${group}/${name}`);
      }
    }
    if (Array.isArray(part["enum"])) {
      const texts = part["enumDescriptions"];
      if (!Array.isArray(texts) || texts.length !== part["enum"].length) silent.push(`${pointer}/enum`);
    }
  }
  expect(silent).toEqual([]);
});

it("items of a list with unique items are text, because the validator cannot compare other values", async () => {
  const metadata = { tokenEndpoint: "https://auth.example/token" };
  for (const name of ["authMethods", "signingAlgorithms"]) {
    const inMetadata = { ...metadata, [name]: [{ valueOf: 1 }, {}] };
    const lines = await violationsOf(withCredential({ secret: { env: "S" }, metadata: inMetadata }));
    expect(lines.map((line) => line.split(":")[0])).toEqual(
      [0, 1].map((index) => `/servers/crm/grant/client/metadata/${name}/${index}`),
    );
  }
});

it("the schema is valid, and so are its examples and defaults, the smallest config and one full of variables", () => {
  const ajv = new Ajv.default({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
  });
  ajv.addVocabulary([
    "allowComments",
    "allowTrailingCommas",
    "confine",
    "defaultSnippets",
    "doNotSuggest",
    "enumDescriptions",
    "errorMessage",
    "markdownDescription",
    "patternErrorMessage",
    "tsType",
  ]);
  const validate = ajv.compile(written);
  for (const [pointer, part] of parts(written)) {
    const samples = [
      ...((part["examples"] as unknown[] | undefined) ?? []),
      ...("default" in part ? [part["default"]] : []),
    ];
    if (samples.length === 0 || pointer === "") continue;
    const judge = ajv.compile({
      $ref: `${written["$id"]}#${pointer.split("/").map(encodeURIComponent).join("/")}`,
    });
    for (const sample of samples) expect([pointer, sample, judge(sample)]).toEqual([pointer, sample, true]);
  }
  const reference = { env: "S" };
  const server = {
    url: "${URL:-https://crm.example}",
    timeout: "${T}",
    headers: { x: "${X}" },
    grant: { client: { issuer: "${ISSUER}", id: "${ID}", secret: reference }, scopes: ["${SCOPE}"] },
  };
  const exchange = {
    type: "token_exchange",
    client: { issuer: "${ISSUER}", id: "x", metadata: { tokenEndpoint: "${ENDPOINT}" } },
    subject: { token: { file: "${FILE}", pointer: "${POINTER}" }, type: "${TYPE}" },
    resource: "${RESOURCE}",
    audience: "${AUDIENCE}",
    params: { x: "${X}" },
  };
  const network = { proxy: "${PROXY}", ca: "${CA}", allowInsecureHttp: ["${HOST}"] };
  expect(validate({ network, servers: { crm: server, other: { ...server, grant: exchange } } })).toBe(true);
});

it("the files that are generated from the schema are not stale", async () => {
  const generate = promisify(execFile)(process.execPath, [join(root, "scripts/generate.mjs"), "--check"]);
  await expect(generate).resolves.toMatchObject({ stderr: "" });
});
