import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { createMemoryStore, MemoryData, storeContract } from "../../../src/testing.js";

describe.concurrent("the store in memory", () => {
  const data = new MemoryData();
  // A lease ends only with its function, however short it is.
  const requirements = storeContract({ open: () => createMemoryStore({ data }), lease: 200 });
  for (const { name, run } of requirements) test(name, run);
});

describe.concurrent("the file store", () => {
  const folder = mkdtemp(join(tmpdir(), "mcp-auth-store-"));
  afterAll(async () => await rm(await folder, { recursive: true, force: true }));
  const requirements = storeContract({
    open: async () => createFileStore({ path: join(await folder, "state") }),
  });
  for (const { name, run } of requirements) test(name, run);
});
