import { afterEach, expect, test, vi } from "vitest";
import { shellQuoted } from "../../../src/lib/shell-quoted.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

function on(platform: NodeJS.Platform, text: string): string {
  vi.stubGlobal("process", { ...process, platform });
  return shellQuoted(text);
}

test.each(["linux", "win32"] as const)("on %s, a plain path or URL is not quoted", (platform) => {
  expect(on(platform, "./secrets/agent-1.pem")).toBe("./secrets/agent-1.pem");
  expect(on(platform, "https://auth.example:8443/a")).toBe("https://auth.example:8443/a");
});

test("a POSIX shell reads a quoted text as it is", () => {
  expect(on("linux", "it's $(id) `id` ${X}")).toBe("'it'\\''s $(id) `id` ${X}'");
});

test.each([
  ["https://auth.example/$(calc)", '"https://auth.example/\\u0024(calc)"'],
  ["a`calc`", '"a\\u0060calc\\u0060"'],
  ["%TEMP%", '"\\u0025TEMP\\u0025"'],
  ['a" & calc & "', '"a\\u0022 & calc & \\u0022"'],
  ["a\u201d; calc; \u201c", '"a\\u201d; calc; \\u201c"'],
  ["https://auth.example/?a=1&b=2", '"https://auth.example/?a=1&b=2"'],
  // PowerShell would read a list, and a variable.
  ["a,b", '"a,b"'],
  ["@config", '"@config"'],
  ["C:\\Program Files\\a.pem", '"C:\\Program Files\\a.pem"'],
  ["C:\\agent\\.env", "C:\\agent\\.env"],
])("neither PowerShell nor cmd.exe finds a command or a variable in %j", (text, quoted) => {
  expect(on("win32", text)).toBe(quoted);
});
