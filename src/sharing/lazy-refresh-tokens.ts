import type { Clock } from "../lib/clock.js";
import type { RefreshTokens } from "../oauth/refresh-tokens.js";
import type { SharedStore } from "../stores/shared-store.js";

/** Returns stored refresh tokens whose code is loaded when the first one is redeemed. */
export function lazyRefreshTokens(store: SharedStore, clock: Clock): RefreshTokens {
  let loaded: Promise<RefreshTokens> | undefined;
  return {
    async redeem(...args) {
      loaded ??= import("./refresh-tokens.js").then(
        ({ StoredRefreshTokens }) => new StoredRefreshTokens({ store, clock }),
      );
      return await (await loaded).redeem(...args);
    },
  };
}
