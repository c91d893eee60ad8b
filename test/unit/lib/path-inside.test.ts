import { posix, win32 } from "node:path";
import { expect, test } from "vitest";
import { pathFrom, pathInside } from "../../../src/lib/path-inside.js";

test.each([
  ["C:\\agent", "C:\\agent", ""],
  ["C:\\agent", "C:\\agent\\keys\\a.pem", "keys\\a.pem"],
  ["C:\\agent\\", "C:/agent/keys/a.pem", "keys\\a.pem"],
  ["C:\\Agent", "c:\\aGENT\\keys", "keys"],
  ["C:\\", "C:\\keys", "keys"],
  ["C:\\agent", "C:\\agent\\..keys", "..keys"],
  ["C:\\agent", "C:\\agent2\\keys", undefined],
  ["C:\\agent", "C:\\", undefined],
  ["C:\\agent", "C:\\agent\\..\\keys", undefined],
  ["C:\\agent", "D:\\agent\\keys", undefined],
  ["C:\\agent", "D:\\", undefined],
  ["\\\\server\\share\\agent", "\\\\SERVER\\share\\agent\\a.pem", "a.pem"],
  ["\\\\server\\share\\agent", "\\\\server\\other\\agent\\a.pem", undefined],
  ["C:\\agent", "\\\\server\\share\\agent", undefined],
  ["\\\\?\\C:\\agent", "\\\\?\\C:\\agent\\a.pem", "a.pem"],
  // The same file, but not the same name: the check of a permission must not guess.
  ["C:\\agent", "\\\\?\\C:\\agent\\a.pem", undefined],
  ["\\\\?\\UNC\\server\\share", "\\\\?\\UNC\\server\\share\\a.pem", "a.pem"],
])("on Windows, seen from %s, %s is at %s", (folder, file, expected) => {
  expect(pathInside(folder, file, win32)).toBe(expected);
});

test.each([
  ["/agent", "/agent", ""],
  ["/agent", "/agent/keys/a.pem", "keys/a.pem"],
  ["/agent", "/agent/..keys", "..keys"],
  ["/", "/keys", "keys"],
  ["/agent", "/Agent/keys", undefined],
  ["/agent", "/agent2", undefined],
  ["/agent", "/", undefined],
])("on Linux and macOS, seen from %s, %s is at %s", (folder, file, expected) => {
  expect(pathInside(folder, file, posix)).toBe(expected);
});

test.each([
  ["below its folder", "C:\\agent\\keys\\a.pem", "./keys/a.pem"],
  ["beside its folder", "C:\\keys\\a.pem", "../keys/a.pem"],
  ["on another drive", "D:\\keys\\a.pem", "D:\\keys\\a.pem"],
  ["on a share", "\\\\server\\share\\a.pem", "\\\\server\\share\\a.pem"],
])("on Windows, a config names a file %s by its shortest path", (_, file, expected) => {
  expect(pathFrom("C:\\agent", file, win32)).toBe(expected);
});
