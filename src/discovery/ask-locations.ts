import { linkedAbort } from "../lib/abort-signal.js";
import type { EndpointKind } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import { pause } from "../lib/wait.js";
import { type Failure, type Outcome, succeed } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import {
  askLocation,
  type Candidate,
  type LocationAnswer,
  type MetadataDocument,
  type MetadataFetch,
} from "./metadata-document.js";

/** What a location answered, once its document was judged. */
export type Answer<V> =
  | Exclude<LocationAnswer, { readonly kind: "document" }>
  /** The document that was looked for. */
  | { readonly kind: "accepted"; readonly value: V }
  /** One like it, of somebody else. */
  | { readonly kind: "other"; readonly value: V; readonly brief: string };

export interface Asked<V> {
  readonly candidate: Candidate;
  readonly answer: Answer<V>;
}

export interface Locations<V> {
  /** For messages: "its resource metadata". */
  readonly what: string;
  /** For debug lines. */
  readonly endpoint: EndpointKind;
  /** In the order in which their documents count. */
  readonly candidates: readonly Candidate[];
  readonly judge: (document: MetadataDocument, candidate: Candidate) => Answer<V>;
  /** What is known of some of them, which are not asked. */
  readonly known?: readonly Asked<V>[] | undefined;
  /** Milliseconds since the epoch: nobody waits any longer. */
  readonly until?: number;
}

export interface Found<V> {
  readonly accepted: V | undefined;
  /** One for each location that was asked or known. */
  readonly answers: readonly Asked<V>[];
  /** The headers could not be read, and locations that take them were asked without. */
  readonly headersFailure: Failure | undefined;
}

/**
 * Asks each location once, until one has the document that is looked for. The next one is asked when the one before has
 * answered, or has used up its share of the timeout: one that never answers must not keep us from another that does.
 */
export async function askLocations<V>(how: MetadataFetch, locations: Locations<V>): Promise<Found<V>> {
  const { candidates, known = [], until = Number.POSITIVE_INFINITY } = locations;
  const { clock } = how;
  const patience = Math.min(how.timeout, until - clock.now()) / candidates.length;
  // What is under way is of no use any more once there is a document.
  const { controller: enough, unlink } = linkedAbort(how.signal);
  const answers: (Asked<V> | undefined)[] = candidates.map(({ url }) =>
    known.find(({ candidate }) => candidate.url === url),
  );
  const first = () => answers.find((asked) => asked?.answer.kind === "accepted")?.answer;
  let headers: Promise<Outcome<Readonly<Record<string, string>>>> | undefined;
  const unreachable = new Map<string, Answer<V>>();
  const under = new Set<Promise<void>>();

  const ask = async (candidate: Candidate): Promise<Answer<V>> => {
    if (candidate.takesHeaders) headers ??= readHeaders(how, until);
    const read = candidate.takesHeaders ? await headers : undefined;
    const timeout = Math.min(how.timeout, until - clock.now());
    if (timeout <= 0) return late(locations.what);
    const limited = { ...how, timeout, signal: enough.signal };
    const answer = await askLocation(limited, locations, candidate, read?.ok ? read.value : {});
    return answer.kind === "document" ? locations.judge(answer.document, candidate) : answer;
  };
  try {
    for (const [index, candidate] of candidates.entries()) {
      if (answers[index] !== undefined) continue;
      const { origin } = new URL(candidate.url);
      // Without a trusted connection the other URLs of that server cannot be asked either.
      const answer = unreachable.get(origin);
      if (answer !== undefined) {
        answers[index] = { candidate, answer };
        continue;
      }
      const asked: Promise<void> = ask(candidate).then((said) => {
        answers[index] = { candidate, answer: said };
        if (said.kind === "failed" && said.failure.retryable !== true) unreachable.set(origin, said);
        under.delete(asked);
      });
      under.add(asked);
      await firstOf(under, patience, how);
      if (first() !== undefined || enough.signal.aborted) break;
    }
    while (under.size > 0 && first() === undefined) await Promise.race(under);
    const accepted = first();
    const read = await headers;
    return {
      accepted: accepted?.kind === "accepted" ? accepted.value : undefined,
      answers: answers.filter((asked) => asked !== undefined),
      headersFailure: read?.ok === false ? read.failure : undefined,
    };
  } finally {
    enough.abort();
    unlink();
  }
}

/** Waits for the first of them, but no longer than so many milliseconds. */
async function firstOf(
  works: ReadonlySet<Promise<void>>,
  milliseconds: number,
  { clock }: MetadataFetch,
): Promise<void> {
  const answered = new AbortController();
  const waited = pause(milliseconds, { clock, signal: answered.signal, unref: true });
  await Promise.race([...works, waited]);
  answered.abort();
}

async function readHeaders(
  { headers, clock, timeout, signal }: MetadataFetch,
  until: number,
): Promise<Outcome<Readonly<Record<string, string>>>> {
  if (headers === undefined) return succeed({});
  const { controller, unlink } = linkedAbort(signal);
  const milliseconds = Math.max(Math.min(timeout, until - clock.now()), 0);
  const limit = timeLimit(clock, milliseconds, () => controller.abort(), { unref: true });
  try {
    return await headers.read(controller.signal);
  } finally {
    limit.cancel();
    unlink();
  }
}

function late<V>(what: string): Answer<V> {
  const failure = { code: "timeout", detail: `${what} was not read in time.`, retryable: true } as const;
  return { kind: "failed", brief: "was not asked in time", failure };
}

/** What each location answered, for a message. URLs that a server chose are not shown. */
export function briefs<V>(answers: readonly Asked<V>[]): string {
  const said = answers.flatMap(({ candidate, answer }) => {
    if (answer.kind === "accepted") return [];
    const shown = candidate.isLearned ? undefined : printableUrl(candidate.url);
    return [`${shown ?? "a URL that is not shown here"} ${answer.brief}`];
  });
  return said.join("; ");
}

/** What servers said, for `details`: in a list where several said something. */
export function detailsOf<V>(answers: readonly Asked<V>[]): Readonly<Record<string, unknown>> {
  const said = new Map<string, unknown[]>();
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    said.set(name, [...(said.get(name) ?? []), value]);
  };
  for (const { candidate, answer } of answers) {
    if (candidate.isLearned) add("url", candidate.url);
    if (answer.kind !== "nothing") continue;
    for (const [name, value] of Object.entries(answer.details ?? {})) add(name, value);
  }
  return Object.fromEntries(
    [...said].map(([name, values]) => [name, values.length === 1 ? values[0] : [...new Set(values)]]),
  );
}

/**
 * Why nothing was found where some location could not be asked: `retryable` where that may pass.
 * `undefined` where all have answered.
 */
export function notNow<V>(what: string, { answers, headersFailure }: Found<V>): Failure | undefined {
  const failures = answers.flatMap(({ answer }) => (answer.kind === "failed" ? [answer.failure] : []));
  const temporary = failures.filter(({ retryable }) => retryable === true);
  if (temporary.length > 0) {
    // The first that may be asked again decides when.
    const waits = temporary.map(({ retryAfter = 0 }) => retryAfter);
    const retryAfter = Math.min(...waits);
    return {
      code: "unavailable",
      detail: `${what} is not available now: ${briefs(answers)}. Try again later.`,
      retryable: true,
      details: detailsOf(answers),
      neverArrived: failures.length === answers.length && failures.every(({ neverArrived }) => neverArrived),
      ...(retryAfter > 0 && { retryAfter }),
    };
  }
  return failures[0] ?? headersFailure;
}
