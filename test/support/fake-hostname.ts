import { onTestFinished, vi } from "vitest";

/** Makes `os.hostname()` return this name for the rest of the test. */
export function fakeHostname(name: string): void {
  const hostname = vi.spyOn(process.getBuiltinModule("node:os"), "hostname").mockReturnValue(name);
  onTestFinished(() => void hostname.mockRestore());
}
