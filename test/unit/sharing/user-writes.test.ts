import { expect, test } from "vitest";
import { UserWrites } from "../../../src/sharing/user-writes.js";
import { deferred } from "../../support/deferred.js";

test("after close() no write begins, and close() waits for those that have begun, also if one fails", async () => {
  const writes = new UserWrites();
  const log: string[] = [];
  const finish = deferred();
  const slow = writes.run(async () => {
    await finish.promise;
    log.push("written");
  });
  const failing = writes.run(() => Promise.reject(new Error("full")));
  await expect(failing).rejects.toThrow("full");
  const closed = writes.close().then(() => log.push("closed"));
  await writes.run(async () => log.push("too late"));
  finish.resolve();
  await Promise.all([slow, closed]);
  expect(log).toEqual(["written", "closed"]);
});
