import { onTestFinished, vi } from "vitest";

/** Has the rest of a test run on a machine of this name. */
export function onMachine(name: string): void {
  const hostname = vi.spyOn(process.getBuiltinModule("node:os"), "hostname").mockReturnValue(name);
  onTestFinished(() => void hostname.mockRestore());
}
