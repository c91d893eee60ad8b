// What Redis holds: the raw text of each of its keys, and its remaining time.
import { createClient } from "redis";

/** By name. `expiresIn`: milliseconds, rounded to minutes, because only the content should differ between two runs. */
export type RedisEntries = Readonly<Record<string, { readonly value: string; readonly expiresIn: number }>>;

export async function readRedis(url: string): Promise<RedisEntries> {
  return await withRedis(url, async (client) => {
    const entries: Record<string, { value: string; expiresIn: number }> = {};
    for (const name of (await client.keys("*")).toSorted()) {
      const value = (await client.get(name)) ?? "";
      entries[name] = { value, expiresIn: Math.round((await client.pTTL(name)) / 60_000) * 60_000 };
    }
    return entries;
  });
}

/** Writes the entries as they are `at` milliseconds after they were written. */
export async function fillRedis(url: string, entries: RedisEntries, at: number): Promise<void> {
  await withRedis(url, async (client) => {
    for (const [name, { value, expiresIn }] of Object.entries(entries)) {
      const left = expiresIn - at;
      if (left > 0) await client.set(name, value, { expiration: { type: "PX", value: left } });
    }
  });
}

function open(url: string) {
  return createClient({ url });
}

async function withRedis<T>(url: string, use: (client: ReturnType<typeof open>) => Promise<T>): Promise<T> {
  const client = open(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
