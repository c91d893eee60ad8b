import { onTestFinished, vi } from "vitest";

/** Records the texts of process warnings until the test ends. They are not printed. */
export function recordWarnings(): readonly string[] {
  const emitted: string[] = [];
  const emit = vi.spyOn(process, "emitWarning").mockImplementation((warning) => {
    emitted.push(String(warning));
  });
  onTestFinished(() => emit.mockRestore());
  return emitted;
}
