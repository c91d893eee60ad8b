import { readFile } from "node:fs/promises";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, it } from "vitest";
import { forPrograms } from "../../../scripts/editor-schema.js";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { fits } from "../../../src/config/fits-schema.js";
import { schema } from "../../../src/config/generated/plain-schema.js";
import { schemaErrors } from "../../../src/config/generated/validate.js";
import { interpolate } from "../../../src/config/interpolate.js";
import { isObject, type Json } from "../../../src/config/json.js";
import { loadConfig } from "../../../src/config/load.js";
import { parseJson } from "../../../src/config/parse-json.js";
import { rejectionOf } from "../../support/rejection-of.js";

const root = new URL("../../../", import.meta.url);
const { value: example } = interpolate(await value("mcp-auth.config.example.json"), {});
const names = namesIn(await value("schema/mcp-auth.schema.json"));

async function value(path: string): Promise<Json> {
  return parseJson(path, await readFile(new URL(path, root), "utf8")).value ?? null;
}

function namesIn(json: Json): readonly string[] {
  if (Array.isArray(json)) return [];
  return isObject(json) ? Object.entries(json).flatMap(([name, inner]) => [name, ...namesIn(inner)]) : [];
}

const name = fc.constantFrom(...new Set(names));
const text = fc.oneof(
  name,
  fc.constantFrom("", "5m", "ES256", "static", "https://a.example", "redis://a", "* * * * *"),
);
const json = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.oneof(text, fc.boolean(), fc.integer({ min: -1, max: 3 }), fc.double(), fc.constant(null)),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(name, tie("json"), { maxKeys: 4, noNullPrototype: false }),
  ),
})).json;

/** A change of a config: the value at a place, counted from the top, is removed, replaced, or gets another property. */
const change = fc.record({
  place: fc.nat(120),
  kind: fc.constantFrom("remove", "replace", "add"),
  name,
  json,
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(config: Json, { place, kind, name, json }: Change): Json {
  let left = place;
  const visit = (inner: Json): Json | undefined => {
    left -= 1;
    if (left === -1 && kind === "remove") return undefined;
    if (left === -1 && kind === "replace") return json;
    const isHere = left === -1 && kind === "add";
    if (Array.isArray(inner))
      return [...inner.flatMap((each) => visit(each) ?? []), ...(isHere ? [json] : [])];
    if (!isObject(inner)) return inner;
    const object: Record<string, Json> = Object.create(null);
    for (const [each, before] of Object.entries(inner)) {
      const after = visit(before);
      if (after !== undefined) object[each] = after;
    }
    if (isHere) object[name] = json;
    return object;
  };
  return visit(config) ?? null;
}

it("the example config fits the schema", () => {
  expect([fits(example, schema, schema), schemaErrors(example)]).toEqual([true, []]);
});

const configs = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.array(change, { minLength: 1, maxLength: 2 }).map((all) => all.reduce(changed, example)),
  },
  { weight: 1, arbitrary: json },
);

// In an editor, `${…}` passes each pattern.
const withoutVariables = (key: string, part: unknown) =>
  key === "pattern" && typeof part === "string" ? part.replace(/^\\\$\\\{\|/, "") : part;

it("the compiled validator, which is shortened, reports the errors that ajv reports", async () => {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: false, verbose: true });
  const full = await readFile(new URL("schema/mcp-auth.schema.json", root), "utf8");
  const validate = ajv.compile(forPrograms(JSON.parse(full, withoutVariables)));
  // The errors of these keywords repeat those of what is inside of them.
  const repeating = ["if", "propertyNames"];
  const inWords = (
    error: Pick<
      ErrorObject,
      "keyword" | "instancePath" | "params" | "parentSchema" | "data" | "propertyName"
    >,
  ) => {
    const { keyword, instancePath, params, parentSchema = {}, data, propertyName } = error;
    const { title, errorMessage, patternErrorMessage, enum: values } = parentSchema;
    const { type, limit, i, j, additionalProperty, missingProperty } = params;
    return JSON.stringify([
      ...[keyword, instancePath, propertyName, data],
      ...[title, errorMessage, patternErrorMessage, values],
      ...[type, limit, i, j, additionalProperty, missingProperty],
    ]);
  };
  fc.assert(
    fc.property(configs, (config) => {
      validate(config);
      const expected = (validate.errors ?? []).filter(({ keyword }) => !repeating.includes(keyword));
      expect(schemaErrors(config).map(inWords).sort()).toEqual(expected.map(inWords).sort());
    }),
    { numRuns: 1_000 },
  );
});

it("the schema with what editors need of it accepts the same configs", async () => {
  const ajv = new Ajv2020({ allowUnionTypes: true, strict: false });
  const full = await readFile(new URL("schema/mcp-auth.schema.json", root), "utf8");
  const validate = ajv.compile(JSON.parse(full, withoutVariables));
  fc.assert(
    fc.property(configs, (config) => {
      expect(validate(config)).toBe(schemaErrors(config).length === 0);
    }),
    { numRuns: 1_000 },
  );
});

it("fits() agrees with the compiled validator on every config", () => {
  fc.assert(
    fc.property(configs, (config) => {
      expect(fits(config, schema, schema)).toBe(schemaErrors(config).length === 0);
    }),
    { numRuns: 3_000 },
  );
});

it.each(["stepUp", "scopes", "audience", "exec"])(
  "a list in code with a hole does not fit the schema: %s",
  async (where) => {
    const holed = ["a", "b"];
    delete holed[0];
    const secret = where === "exec" ? { exec: holed } : { env: "S" };
    const grant = {
      client: { issuer: "https://a.example", id: "a", secret },
      ...(where === "scopes" || where === "audience" ? { [where]: holed } : {}),
    };
    const server = { url: "https://a.example", grant, ...(where === "stepUp" && { stepUp: holed }) };
    // JavaScript can pass values that the types do not allow.
    const config = { servers: { a: server } } as unknown as McpAuthConfig;
    const error = await rejectionOf(loadConfig({ config, cwd: "/", env: {} }));
    expect(error.violations).toEqual([
      expect.objectContaining({ message: expect.stringContaining("found null") }),
    ]);
  },
);
