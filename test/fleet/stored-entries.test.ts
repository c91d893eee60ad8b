// Entries that each version wrote to Redis, and what this version does with them.
import { describe, onTestFinished, vi } from "vitest";
import { fillRedis } from "../integration/stored-entries/redis-entries.js";
import { testUpgrade } from "../integration/stored-entries/upgrade.js";
import { redisEntriesOf, versions } from "../integration/stored-entries/versions.js";
import { startRedis } from "../support/redis-server.js";

// Authorities that this machine adds to those of Node would be a part of the names of the entries.
vi.mock(import("../../src/net/authorities.js"), async (original) => ({
  ...(await original()),
  addedAuthorities: async () => [],
}));

describe.each(versions)("entries of version %s", (version) => {
  testUpgrade(`Redis with entries of version ${version}`, async (at) => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    await fillRedis(redis.url, await redisEntriesOf(version), at);
    return { redis: redis.url };
  });
});
