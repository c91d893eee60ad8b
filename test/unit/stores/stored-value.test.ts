import { expect, test } from "vitest";
import { isStoreText } from "../../../src/stores/file-entry.js";
import { isLaterFormat } from "../../../src/stores/stored-value.js";

test.each<[string, boolean]>([
  ["mcp-auth-store 2 1767355200000\nvalue", true],
  ["mcp-auth-store 2\nexpiry=1767355200000\nvalue", true],
  ["mcp-auth-store 12 \n", true],
  ["mcp-auth-store 1 -\nvalue", false],
  ["mcp-auth-store 1\nvalue", false],
  ["mcp-auth-store 2", false],
  ["mcp-auth-store 2x\n", false],
  ["a mcp-auth-store 2\n", false],
])("a file that begins with %j is of a later format: %s", (text, isLater) => {
  expect(isLaterFormat(text)).toBe(isLater);
  if (isLater) expect(isStoreText(text)).toBe(true);
});
