import type { Clock } from "../lib/clock.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import type { RequestLimits } from "../tokens/refusal-policy.js";
import { clockTolerance, isFiniteNumber, parseEntry, serializeEntry } from "./stored-format.js";

/** Milliseconds for which limits are kept. Longer than any hold, and than an allowance takes to refill. */
const keptFor = 600_000;

/**
 * Returns the key of the limits that belong to the token at `tokenKey`. A prefix of token keys gives a prefix of limits
 * keys.
 */
export function limitsKey(tokenKey: string): string {
  return `refusals${tokenKey.slice("token".length)}`;
}

/**
 * Stores the limits on token requests after refusals, which processes share. Read and written under the lock of the
 * token.
 */
export class StoredLimits {
  readonly #store: SharedStore;
  readonly #clock: Clock;

  constructor({ store, clock }: { readonly store: SharedStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Calls `change` with the stored limits and stores its result, unless that is `undefined`. */
  async change(
    tokenKey: string,
    lease: Lease,
    change: (stored: RequestLimits | undefined) => RequestLimits | undefined,
  ): Promise<void> {
    const key = limitsKey(tokenKey);
    const limits = change(await this.#read(key));
    // Without the lease, another process may have the lock and may have changed the stored limits already.
    if (limits === undefined || lease.signal.aborted) return;
    await this.#store.write(key, this.#serialize(limits), { expiresIn: keptFor });
  }

  async #read(key: string): Promise<RequestLimits | undefined> {
    const found = await this.#store.read(key);
    if (found.kind !== "value") return undefined;
    const { failures, holdFor, fullIn, at } = parseEntry(found.text) ?? {};
    if (!isFiniteNumber(failures) || !isFiniteNumber(holdFor)) return undefined;
    if (!isFiniteNumber(fullIn) || !isFiniteNumber(at)) return undefined;
    const now = this.#clock.now();
    // The clock of the store is used only if the clocks of two machines differ. Its time counts from the end of a
    // write, so with it the limits would last a little longer after each write.
    const localAge = now - at;
    const storeAge = keptFor - (found.expiresIn ?? keptFor - localAge);
    const since = now - Math.max(Math.abs(storeAge - localAge) <= clockTolerance ? localAge : storeAge, 0);
    return {
      failures,
      holdUntil: since + holdFor,
      allowanceFullAt: since + fullIn,
    };
  }

  #serialize({ failures, holdUntil, allowanceFullAt }: RequestLimits): string {
    const at = this.#clock.now();
    const remaining = (time: number): number => Math.max(time - at, 0);
    return serializeEntry({
      failures,
      holdFor: remaining(holdUntil),
      fullIn: remaining(allowanceFullAt),
      at,
    });
  }
}
