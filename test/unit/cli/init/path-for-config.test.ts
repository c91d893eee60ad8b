import { posix, win32 } from "node:path";
import { expect, test } from "vitest";
import { pathForConfig } from "../../../../src/cli/init/choose-client.js";

test.each([
  ["keys\\a.pem", "C:\\agent", "./keys/a.pem"],
  ["C:\\agent\\keys\\a.pem", "C:\\agent", "./keys/a.pem"],
  ["..\\a.pem", "C:\\agent", "../a.pem"],
  ["C:\\keys\\a.pem", "C:\\agent", "C:\\keys\\a.pem"],
  ["D:\\keys\\a.pem", "C:\\agent", "D:\\keys\\a.pem"],
  ["a.pem", "D:\\keys", "D:\\keys\\a.pem"],
  ["\\\\server\\share\\a.pem", "C:\\agent", "\\\\server\\share\\a.pem"],
])("on Windows, init writes %s, typed in %s, as %s", (typed, cwd, written) => {
  expect(pathForConfig(typed, cwd, "C:\\agent", win32)).toBe(written);
});

test.each([
  ["keys/a.pem", "./keys/a.pem"],
  ["../a.pem", "../a.pem"],
  ["/keys/a.pem", "/keys/a.pem"],
  ["/agent/keys/a.pem", "./keys/a.pem"],
])("on Linux and macOS, init writes %s as %s", (typed, written) => {
  expect(pathForConfig(typed, "/agent", "/agent", posix)).toBe(written);
});
