import { expect, test } from "vitest";
import { checkClientId, checkSecretValue, type SecretUse } from "../../../src/diagnosis/secret-text.js";

test.each<[string, SecretUse, string | undefined]>([
  ["canary", "client secret", undefined],
  ["Bearer canary", "other", undefined],
  ["canary-ü", "token", undefined],
  ["{not json", "client secret", undefined],
  ["$canary$", "client secret", undefined],
  ["<canary", "client secret", undefined],
  ["**", "client secret", undefined],
  ["canary\t", "other", "secret_whitespace"],
  ["`canary`", "other", "secret_quotes"],
  ["canary\\n", "other", "secret_line_break"],
  ["\uFEFFcanary", "other", "secret_byte_order_mark"],
  ["can\u200Bary", "other", "secret_invisible_character"],
  ["-----BEGIN EC PRIVATE KEY-----\ncanary\n", "other", "secret_is_private_key"],
  ['{ "a": "canary" }\n', "other", "secret_is_json"],
  ["$CANARY", "other", "secret_is_placeholder"],
  ["%CANARY%", "other", "secret_is_placeholder"],
  ["{{ canary }}", "other", "secret_is_placeholder"],
  ["<your canary>", "other", "secret_is_placeholder"],
  ["bearer canary", "token", "token_has_scheme"],
  ["canary-ü", "client secret", "secret_not_ascii"],
])("the text %j used as %s has the finding %s, which does not show it", (text, use, id) => {
  const finding = checkSecretValue(text, use, "the file");
  expect(finding?.id).toBe(id);
  expect(JSON.stringify(finding ?? "")).not.toMatch(/canary/i);
});

test.each<[string, string]>([
  ["canary\\n", "the two characters \\n at the end of the secret in the file, unless they belong there."],
  ["can\nary", "the line break from the secret in the file, unless it belongs there."],
  ["can\r\nary", "the line break from the secret in the file, unless it belongs there."],
  ["can\na\nry", "the line breaks from the secret in the file, unless they belong there."],
  ["canary\n", "the line breaks from the secret in the file, unless they belong there."],
  ["'canary'", "the quotes around the secret in the file, unless they belong there."],
  ["\u200bcanary", "the invisible character U+200B at the beginning of the secret in the file, unless it"],
  ["canary\u00ad", "the invisible character U+00AD at the end of the secret in the file, unless it"],
  ["canary\u{e0001}", "the invisible character U+E0001 at the end of the secret in the file, unless it"],
  ["can\ufeffary", "the invisible character U+FEFF inside the secret in the file, unless it belongs there."],
  ["can\u0000ary", "the invisible character U+0000 inside the secret in the file, unless it belongs there."],
])("the flaw of %j is named without its position: %s", (text, words) => {
  expect(checkSecretValue(text, "other", "the file")?.remedy).toContain(`Remove ${words}`);
});

test.each([
  ["agent", undefined],
  ["https://agent.example/client.json", undefined],
  ["agent\n", "client_id_flaw"],
  ["'agent'", "client_id_flaw"],
  ["ägent", "client_id_not_ascii"],
])("the client id %j has the finding %s", (id, finding) => {
  expect(checkClientId(id)?.id).toBe(finding);
});
