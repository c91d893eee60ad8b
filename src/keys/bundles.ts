/**
 * Milliseconds for which the previous key or certificate may still be used: servers learn of a new key later, and the files
 * of one bundle are replaced one by one.
 */
const changeover = 600_000;

interface Loaded<Bundle> {
  readonly bundle: Bundle;
  /** Milliseconds since the epoch at which its certificate ends. */
  readonly endsAt: number | undefined;
}

interface Made<Bundle> extends Loaded<Bundle> {
  /** Fingerprint of the texts that it was made from. */
  readonly fingerprint: string;
  /** Equal for two texts with the same content, such as a PEM text with other line breaks. */
  readonly identity: string;
}

interface Known<Bundle> extends Made<Bundle> {
  /** The previous one, and the time since which it is no longer used. */
  readonly predecessor?: { readonly loaded: Loaded<Bundle>; readonly until: number } | undefined;
  /** Milliseconds since the epoch at which parts were first found that do not belong together. */
  readonly apartSince?: number | undefined;
}

/** Keeps the last key or certificate of each spec whose parts belonged together, and its predecessor for ten minutes. */
export class Bundles<Spec extends object, Bundle extends object> {
  readonly #known = new WeakMap<Spec, Known<Bundle>>();

  /** Returns the last one, if it was made from the same texts. */
  find(spec: Spec, fingerprint: string, now: number): Bundle | undefined {
    const known = this.#current(spec, now);
    if (known?.fingerprint !== fingerprint) return undefined;
    if (known.apartSince !== undefined) this.#known.set(spec, { ...known, apartSince: undefined });
    return known.bundle;
  }

  last(spec: Spec): Bundle | undefined {
    return this.#known.get(spec)?.bundle;
  }

  /** Keeps a new one as the last. Returns the last one instead if both have the same content. */
  keep(spec: Spec, made: Made<Bundle>, now: number): Bundle {
    const before = this.#known.get(spec);
    if (before?.identity === made.identity) {
      // Its predecessor and its age stay the same.
      const { predecessor, bundle } = before;
      this.#known.set(spec, { ...made, bundle, predecessor });
      return bundle;
    }
    this.#known.set(spec, {
      ...made,
      predecessor: before && { loaded: { bundle: before.bundle, endsAt: before.endsAt }, until: now },
    });
    return made.bundle;
  }

  /**
   * Returns the last one in place of parts that do not belong together, as after one file of several was replaced. Does so
   * for ten minutes from the first time.
   */
  staleFallback(spec: Spec, now: number): Bundle | undefined {
    const known = this.#known.get(spec);
    if (known === undefined) return undefined;
    const { apartSince = now } = known;
    this.#known.set(spec, { ...known, apartSince });
    return isRecent(apartSince, now) ? usable(known, now) : undefined;
  }

  /** Returns the predecessor of the last one, as long as the last one is younger than ten minutes. */
  predecessor(spec: Spec, now: number): Bundle | undefined {
    const { predecessor } = this.#current(spec, now) ?? {};
    return predecessor && usable(predecessor.loaded, now);
  }

  /** Drops a predecessor that is no longer used, so that its key does not stay in memory. */
  #current(spec: Spec, now: number): Known<Bundle> | undefined {
    const known = this.#known.get(spec);
    if (known?.predecessor === undefined || isRecent(known.predecessor.until, now)) return known;
    const alone = { ...known, predecessor: undefined };
    this.#known.set(spec, alone);
    return alone;
  }
}

/** A time far ahead is from before the clock was set back. Its age is unknown, so it is not recent. */
function isRecent(moment: number, now: number): boolean {
  return Math.abs(now - moment) < changeover;
}

function usable<Bundle>({ bundle, endsAt }: Loaded<Bundle>, now: number): Bundle | undefined {
  return endsAt === undefined || now < endsAt ? bundle : undefined;
}
