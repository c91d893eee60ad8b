/**
 * Milliseconds for which the previous key or certificate may still be used. A server may learn of a new key later, and
 * the files of one bundle are replaced one after the other.
 */
const changeover = 600_000;

interface Loaded<Bundle> {
  readonly bundle: Bundle;
  /** Milliseconds since the epoch at which its certificate expires. */
  readonly endsAt: number | undefined;
}

interface NewBundle<Bundle> extends Loaded<Bundle> {
  /** Fingerprint of the texts that it was made from. */
  readonly fingerprint: string;
  /** Equal for two texts with the same content, such as a PEM text with other line breaks. */
  readonly identity: string;
}

interface Known<Bundle> extends NewBundle<Bundle> {
  /** The previous bundle, and the time at which this one replaced it. */
  readonly predecessor?: { readonly loaded: Loaded<Bundle>; readonly replacedAt: number } | undefined;
  /** Milliseconds since the epoch at which the texts were first found not to belong together. */
  readonly mismatchSince?: number | undefined;
}

/**
 * Keeps the last valid bundle of each spec, and the bundle before it for ten minutes. A bundle is a key or certificate
 * with everything that belongs to it.
 */
export class BundleHistory<Spec extends object, Bundle extends object> {
  readonly #known = new WeakMap<Spec, Known<Bundle>>();

  /** Returns the last bundle, if it was made from the same texts. */
  find(spec: Spec, fingerprint: string, now: number): Bundle | undefined {
    const known = this.#current(spec, now);
    if (known?.fingerprint !== fingerprint) return undefined;
    if (known.mismatchSince !== undefined) this.#known.set(spec, { ...known, mismatchSince: undefined });
    return known.bundle;
  }

  /** Returns the last bundle, whatever it was made from. */
  last(spec: Spec): Bundle | undefined {
    return this.#known.get(spec)?.bundle;
  }

  /** Keeps a new bundle as the last one and returns it. Returns the previous object if both have the same content. */
  keep(spec: Spec, added: NewBundle<Bundle>, now: number): Bundle {
    const previous = this.#known.get(spec);
    if (previous?.identity === added.identity) {
      // Not a rotation: the predecessor stays, with the time at which it was replaced.
      const { predecessor, bundle } = previous;
      this.#known.set(spec, { ...added, bundle, predecessor });
      return bundle;
    }
    this.#known.set(spec, {
      ...added,
      predecessor: previous && {
        loaded: { bundle: previous.bundle, endsAt: previous.endsAt },
        replacedAt: now,
      },
    });
    return added.bundle;
  }

  /**
   * Returns the last bundle while the texts do not belong together, as when only one of several files has been
   * replaced. Does so for ten minutes after the first call.
   */
  staleFallback(spec: Spec, now: number): Bundle | undefined {
    const known = this.#known.get(spec);
    if (known === undefined) return undefined;
    const { mismatchSince = now } = known;
    this.#known.set(spec, { ...known, mismatchSince });
    return isRecent(mismatchSince, now) ? unlessExpired(known, now) : undefined;
  }

  /** Returns the predecessor of the last bundle, as long as the last bundle is less than ten minutes old. */
  predecessor(spec: Spec, now: number): Bundle | undefined {
    const { predecessor } = this.#current(spec, now) ?? {};
    return predecessor && unlessExpired(predecessor.loaded, now);
  }

  /**
   * Returns the entry of a spec. Drops a predecessor that is no longer used, so that its key does not stay in memory.
   */
  #current(spec: Spec, now: number): Known<Bundle> | undefined {
    const known = this.#known.get(spec);
    if (known?.predecessor === undefined || isRecent(known.predecessor.replacedAt, now)) return known;
    const current = { ...known, predecessor: undefined };
    this.#known.set(spec, current);
    return current;
  }
}

/** Returns false for a time far in the future: the clock has been set back since, so the age is unknown. */
function isRecent(moment: number, now: number): boolean {
  return Math.abs(now - moment) < changeover;
}

function unlessExpired<Bundle>({ bundle, endsAt }: Loaded<Bundle>, now: number): Bundle | undefined {
  return endsAt === undefined || now < endsAt ? bundle : undefined;
}
