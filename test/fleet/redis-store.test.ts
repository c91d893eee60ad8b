import { afterAll, beforeAll, describe, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { storeContract } from "../../src/testing.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis?.stop());

describe.concurrent("the store in Redis", () => {
  const requirements = storeContract({
    open: () => createRedisStore({ address: async () => ({ url: new Secret(redis.url) }), prefix: "test:" }),
  });
  for (const { name, run } of requirements) test(name, run);
});
