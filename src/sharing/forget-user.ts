import type { ServerSpec } from "../config/spec.js";
import type { SharedStore } from "../stores/shared-store.js";
import { userTokenPrefix } from "./entry-key.js";
import { limitsKey } from "./stored-limits.js";

/** Deletes the stored tokens of one user, for all scope sets. Rejects with `store_unavailable`. */
export async function forgetUser(spec: ServerSpec, store: SharedStore, key: string): Promise<void> {
  const prefix = userTokenPrefix(spec, key);
  const [tokens, limits] = await Promise.all([store.keys(prefix), store.keys(limitsKey(prefix))]);
  await Promise.all([...tokens, ...limits].map((entry) => store.delete(entry)));
}
