/**
 * Milliseconds for which there is a way back: servers learn of a new key later than we do, and the files of one bundle
 * are replaced one by one.
 */
const changeover = 600_000;

interface Loaded<Bundle> {
  readonly bundle: Bundle;
  /** Milliseconds since the epoch at which its certificate ends. */
  readonly endsAt: number | undefined;
}

interface Made<Bundle> extends Loaded<Bundle> {
  /** Of the texts that it was made from. */
  readonly fingerprint: string;
  /** The same for what says the same, however it is written. */
  readonly identity: string;
}

interface Known<Bundle> extends Made<Bundle> {
  /** The one before, and since when it is no longer used. */
  readonly predecessor?: { readonly loaded: Loaded<Bundle>; readonly until: number } | undefined;
  /** Milliseconds since the epoch at which parts were first found that do not belong together. */
  readonly apartSince?: number | undefined;
}

/** What was loaded last from each spec, whole, and the one before it for ten minutes. */
export class Bundles<Spec extends object, Bundle extends object> {
  readonly #known = new WeakMap<Spec, Known<Bundle>>();

  /** The last one, if it was made from the same. */
  find(spec: Spec, fingerprint: string, now: number): Bundle | undefined {
    const known = this.#current(spec, now);
    if (known?.fingerprint !== fingerprint) return undefined;
    if (known.apartSince !== undefined) this.#known.set(spec, { ...known, apartSince: undefined });
    return known.bundle;
  }

  last(spec: Spec): Bundle | undefined {
    return this.#known.get(spec)?.bundle;
  }

  /** Takes the place of the last one; gives back that one if it says the same. */
  keep(spec: Spec, made: Made<Bundle>, now: number): Bundle {
    const before = this.#known.get(spec);
    if (before?.identity === made.identity) {
      // Of its predecessor and its age, nothing has changed.
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
   * The last one in place of parts that do not belong together, as when one file of several has been replaced: for ten
   * minutes from when they were first found so.
   */
  staleFallback(spec: Spec, now: number): Bundle | undefined {
    const known = this.#known.get(spec);
    if (known === undefined) return undefined;
    const { apartSince = now } = known;
    this.#known.set(spec, { ...known, apartSince });
    return isRecent(apartSince, now) ? usable(known, now) : undefined;
  }

  /** The one before the last, as long as the last is younger than ten minutes. */
  predecessor(spec: Spec, now: number): Bundle | undefined {
    const { predecessor } = this.#current(spec, now) ?? {};
    return predecessor && usable(predecessor.loaded, now);
  }

  /** A key that is not used any more has no business in memory. */
  #current(spec: Spec, now: number): Known<Bundle> | undefined {
    const known = this.#known.get(spec);
    if (known?.predecessor === undefined || isRecent(known.predecessor.until, now)) return known;
    const alone = { ...known, predecessor: undefined };
    this.#known.set(spec, alone);
    return alone;
  }
}

/** A moment that lies far ahead was before the clock was set back: nobody knows how long ago. */
function isRecent(moment: number, now: number): boolean {
  return Math.abs(now - moment) < changeover;
}

function usable<Bundle>({ bundle, endsAt }: Loaded<Bundle>, now: number): Bundle | undefined {
  return endsAt === undefined || now < endsAt ? bundle : undefined;
}
