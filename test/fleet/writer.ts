// Redeems one refresh token after another, `token-1`, `token-2` and so on, at a server that always answers. Sends the
// number of each token that is in the store, which is an encrypted file store.

import { systemClock } from "../../src/lib/clock.js";
import { Secret } from "../../src/lib/secret.js";
import { StoredRefreshTokens } from "../../src/sharing/stored-refresh-tokens.js";
import { createFileStore } from "../../src/stores/file.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import { family } from "./family.js";

const [path = "", key = ""] = process.argv.slice(2);
const store = new SharedStore({
  store: createFileStore({ path }),
  keys: async () => [new Secret(key)],
  lease: 2_500,
});
const refreshTokens = new StoredRefreshTokens({ store, clock: systemClock });
// Nothing else keeps this process alive.
setInterval(() => {}, 1_000);
for (;;) {
  const limits = { timeout: 10, signal: new AbortController().signal };
  let number = 0;
  await refreshTokens.redeem(family, limits, async ({ current, sending, answered }) => {
    await sending();
    number = Number(current.reveal().slice("token-".length)) + 1;
    answered(200, new Secret(`token-${number}`));
    return { accessToken: "a", tokenType: "Bearer", requestedAt: Date.now(), scopes: [] };
  });
  process.send?.(number);
}
