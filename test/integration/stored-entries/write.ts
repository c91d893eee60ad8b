// Run by write.mjs, with the folder to create as its argument.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startRedis } from "../../support/redis-server.js";
import { startServers, writeEntries } from "./project.js";
import { readRedis } from "./redis-entries.js";

const [, , folder = ""] = process.argv;
// Fails if it exists.
await mkdir(folder);
const redis = await startRedis();
try {
  globalThis.fetch = startServers().fetch;
  await writeEntries({ folder: join(folder, "file") });
  globalThis.fetch = startServers().fetch;
  await writeEntries({ redis: redis.url });
  const entries = await readRedis(redis.url);
  await writeFile(join(folder, "redis.json"), `${JSON.stringify(entries, undefined, 2)}\n`);
} catch (error) {
  await rm(folder, { recursive: true });
  throw error;
} finally {
  await redis.stop();
}
