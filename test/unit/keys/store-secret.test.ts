import { expect, test } from "vitest";
import { readRedisUrl } from "../../../src/keys/store-secret.js";

const read = (url: string) =>
  readRedisUrl(
    { env: "REDIS_URL" },
    { server: "(store)", env: { REDIS_URL: url }, fetch: () => Promise.reject() },
  );

test.each([
  "redis://localhost",
  "redis://localhost:6379/",
  "rediss://user:p%40ss%2Fw%3Ard@10.0.0.2:6380/12",
  "redis://:p@ss@host",
  "redis://user@[::1]:6379/0",
])("%s is accepted as the URL of a Redis server", async (url) => {
  expect((await read(url)).reveal()).toBe(url);
});

test.each([
  ["of another scheme", "https://canary.example"],
  ["without a host", "redis:///0"],
  ["with a slash in its password", "redis://:p@canary/w:rd@host"],
  ["with a fragment in its password", "redis://:canary@ss#w@host"],
  ["with a query", "redis://host/0?canary=1"],
  ["with an empty query", "redis://canary?"],
  ["with a named database", "redis://host/canary"],
  ["with more after the database", "redis://host/0/canary"],
  ["with a password that cannot be decoded", "redis://:canary%zz@host"],
  ["with a user that cannot be decoded", "redis://canary%ff:a@host"],
])("a Redis URL %s is refused, and the error shows nothing of it", async (_, url) => {
  const failure: unknown = await read(url).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "secret_unavailable",
    message: expect.stringContaining("with percent-encoded user and password"),
  });
  expect(String(failure)).not.toContain("canary");
});
