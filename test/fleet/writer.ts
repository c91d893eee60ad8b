// Writes one value after the other into a file store, as the holder of the lock, and says which were written.
import { createFileStore } from "../../src/stores/file.js";

const [path = ""] = process.argv.slice(2);
const store = createFileStore({ path });
for (;;) {
  const outcome = await store.withLock("refresh.token", 2_000, async ({ fence }) => {
    const before = await store.get("refresh.token");
    const number = Number(/^value (\d+) /.exec(before?.value ?? "value 0 ")?.[1]) + 1;
    const written = await store.set("refresh.token", `value ${number} ${"x".repeat(5_000)}`, { fence });
    return written ? number : undefined;
  });
  if (outcome.acquired) process.send?.(outcome.value);
  else await new Promise((resolve) => setTimeout(resolve, 50));
}
