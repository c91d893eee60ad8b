// However a config is written, a command that adds a server to it adds that, and leaves all the rest.
import fc from "fast-check";
import { describe, expect } from "vitest";
import { insertIntoJson } from "../../src/cli/init/insert-json.js";
import { insertIntoYaml } from "../../src/cli/init/insert-yaml.js";
import { parseJson } from "../../src/config/parse-json.js";
import { parseYaml } from "../../src/config/parse-yaml.js";
import { asJson, asYaml, config } from "./configs.js";
import { property } from "./property.js";

const paths = fc.constantFrom(["servers", "new"], ["clients", "new"], ["other", "new"], ["import"]);
const added = fc.oneof(
  fc.string(),
  fc.record({
    url: fc.webUrl(),
    grant: fc.record({
      client: fc.record({ issuer: fc.string(), id: fc.string(), secret: fc.record({ env: fc.string() }) }),
    }),
  }),
);

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Returns the value with the property. */
function withProperty(value: unknown, [section = "", name]: readonly string[], property: unknown): unknown {
  // What is parsed and has passed the checks below is an object of objects.
  const copy = plain(value) as Record<string, unknown>;
  return {
    ...copy,
    [section]: name === undefined ? property : { ...Object(copy[section]), [name]: property },
  };
}

describe("adding to a config", () => {
  property("adding to JSON changes nothing else", [asJson(config), paths, added], (text, path, value) => {
    const before = parseJson("a.json", text);
    const after = parseJson("a.json", insertIntoJson(text, path, value));
    expect(plain(after.value)).toEqual(withProperty(before.value, path, value));
    expect(after.mistakes).toEqual([]);
  });

  property("adding to YAML changes nothing else", [asYaml(config), paths, added], (text, path, value) => {
    const before = parseYaml("a.yaml", text);
    const after = parseYaml("a.yaml", insertIntoYaml(text, path, value));
    expect(plain(after.value)).toEqual(withProperty(before.value, path, value));
    expect(after.mistakes).toEqual([]);
  });
});
