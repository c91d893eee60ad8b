import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";

const value = "s3cr3t-value";
const secret = new Secret(value);

test("a secret returns its value only from reveal()", () => {
  expect(secret.reveal()).toBe(value);
});

test.each([
  ["as a string", String(secret)],
  ["in a template", `${secret}`],
  ["joined to a string", `x ${[secret, secret].join("+")}`],
  ["in JSON", JSON.stringify({ secret, list: [secret] })],
  ["inspected", inspect(secret)],
  ["inspected deep inside another object", inspect({ a: { b: { c: [secret] } } }, { depth: 10 })],
  ["inspected with its hidden properties", inspect(secret, { showHidden: true, depth: 10, getters: true })],
  ["as a map's value", inspect(new Map([["key", secret]]))],
  ["formatted for the console", format("%s %o %O %j", secret, secret, secret, secret)],
  ["in the message of an error", new Error(`no: ${secret}`).message],
])("a secret %s is `<secret>`", (_, shown) => {
  expect(shown).toContain("<secret>");
  expect(shown).not.toContain(value);
});

test("the value of a secret is in none of its properties", () => {
  expect(Reflect.ownKeys(secret)).toEqual([]);
  expect({ ...secret }).toEqual({});
  expect(JSON.stringify(Object.entries(secret))).toBe("[]");
  expect(() => structuredClone({ secret })).not.toThrow();
  expect(inspect(structuredClone({ secret }))).not.toContain(value);
});
