import { expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";
import { createRedisClient } from "../../../src/stores/redis-client.js";

test.each([
  ["the first does not", "redis://:password@127.0.0.1:1", ["rediss://127.0.0.1:2"]],
  ["the last does not", "rediss://:password@127.0.0.1:1", ["rediss://127.0.0.1:2", "redis://127.0.0.1:3"]],
])(
  "the password of a cluster is sent to no node if only some of its URLs use TLS: %s",
  async (_, url, cluster) => {
    const error: unknown = await createRedisClient({ url: new Secret(url), cluster }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining('"cluster"') });
    expect(String(error)).not.toContain("password");
  },
);
