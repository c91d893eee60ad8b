// Behavior that needs several processes.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mcp-auth-store-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

interface Seen {
  readonly fences: readonly number[];
  /** The number of leases under which nothing could be written. */
  readonly refused: number;
}

const program = `
import { createFileStore } from ${JSON.stringify(fileURLToPath(new URL("../../src/stores/file.ts", import.meta.url)))};
const [path, leases] = process.argv.slice(2);
const store = createFileStore({ path });
const seen = { fences: [], refused: 0 };
const run = async () => {
  while (seen.fences.length < Number(leases)) {
    await store.withLock("token.a", 60_000, async ({ fence }) => {
      seen.fences.push(fence);
      // Writes only under some leases: a write makes the lease so long that no other process comes too late.
      if (seen.fences.length % 20 === 0 && !(await store.set("token.a", String(fence), { fence })))
        seen.refused += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await store.close();
  process.send(seen);
};
run();
`;

/** Bundles the store with its dependencies, in a folder where no package can be found. */
async function bundled(name: string, options: BuildOptions): Promise<string> {
  const source = join(folder, `${name}.ts`);
  const outfile = join(folder, name);
  await writeFile(source, program);
  const absWorkingDir = fileURLToPath(new URL("../..", import.meta.url));
  await build({
    ...{ entryPoints: [source], outfile, absWorkingDir, bundle: true, platform: "node", logLevel: "silent" },
    ...options,
  });
  return outfile;
}

async function run(script: string, path: string, leases: number): Promise<Seen> {
  const child = fork(script, [path, String(leases)]);
  const ended = once(child, "exit");
  const [seen] = await Promise.race([once(child, "message"), ended]);
  await ended;
  // The message of the program above, or its exit code if it ended before.
  return seen as Seen;
}

test("each of 400 leases of four processes is held once, has a later fence, and can write", async () => {
  const script = await bundled("hammer.cjs", { format: "cjs" });
  const path = join(folder, "hammer");
  const all = await Promise.all([1, 2, 3, 4].map(() => run(script, path, 100)));
  for (const { fences, refused } of all) {
    expect(refused).toBe(0);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
  }
  const fences = all.flatMap((seen) => seen.fences);
  expect(new Set(fences).size).toBe(400);
  const left = await readdir(join(path, "token.a"));
  expect(left.toSorted()).toEqual([`fence-${Math.max(...fences)}`, expect.stringMatching(/^value-\d+$/)]);
});

test("the lock of the file store works in ESM and CommonJS bundles", async () => {
  const banner = {
    js: 'import { createRequire as make } from "node:module"; const require = make(import.meta.url);',
  };
  const scripts = [
    await bundled("bundle.cjs", { format: "cjs" }),
    await bundled("bundle.mjs", { format: "esm", banner }),
  ];
  for (const script of scripts) {
    expect(await run(script, join(folder, "bundle", script.slice(-3)), 2)).toEqual({
      fences: [1, 2],
      refused: 0,
    });
  }
});
