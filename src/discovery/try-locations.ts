import { linkedAbort } from "../lib/abort-signal.js";
import type { EndpointKind } from "../lib/debug.js";
import { pause } from "../lib/wait.js";
import type { Failure, Outcome } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import {
  type DocumentResult,
  fetchDocument,
  type MetadataDocument,
  type MetadataFetch,
  type MetadataLocation,
} from "./metadata-document.js";
import { readServerHeaders } from "./read-server-headers.js";

/** The result of one location, after its document was judged. */
export type LocationResult<V> =
  | Exclude<DocumentResult, { readonly kind: "document" }>
  /** The wanted document. */
  | { readonly kind: "accepted"; readonly value: V }
  /** A document of the same type about another issuer or resource. */
  | { readonly kind: "other"; readonly value: V; readonly brief: string };

export interface TriedLocation<V> {
  readonly location: MetadataLocation;
  readonly result: LocationResult<V>;
}

export interface LocationSearch<V> {
  /** The wanted document in messages: "its resource metadata". */
  readonly documentName: string;
  /** For debug lines. */
  readonly endpoint: EndpointKind;
  /** In order of precedence. */
  readonly locations: readonly MetadataLocation[];
  readonly judge: (document: MetadataDocument, location: MetadataLocation) => LocationResult<V>;
  /** Results of an earlier search. Their locations are not tried again. */
  readonly tried?: readonly TriedLocation<V>[] | undefined;
  /** The end of the search, in milliseconds since the epoch. */
  readonly until?: number;
}

export interface SearchResult<V> {
  /** The wanted document of the first location that has it. */
  readonly accepted: V | undefined;
  /** All locations that were tried, now or before. */
  readonly tried: readonly TriedLocation<V>[];
  /** Why the config's headers could not be read. Locations that take headers were then tried without them. */
  readonly headersFailure: Failure | undefined;
}

/**
 * Tries each location once, until one has the wanted document. The next location is tried when the one before has
 * answered or has used up its share of the timeout, so that a location that never answers does not block the others.
 */
export async function tryLocations<V>(
  fetchOptions: MetadataFetch,
  search: LocationSearch<V>,
): Promise<SearchResult<V>> {
  const { documentName, locations, judge, until = Number.POSITIVE_INFINITY } = search;
  const { clock } = fetchOptions;
  const timeLeft = () => Math.min(fetchOptions.timeout, until - clock.now());
  const share = timeLeft() / locations.length;
  // Aborts the requests in flight when the search ends.
  const { controller, unlink } = linkedAbort(fetchOptions.signal);
  const tried: (TriedLocation<V> | undefined)[] = locations.map(({ url }) =>
    search.tried?.find(({ location }) => location.url === url),
  );
  const firstAccepted = () => tried.find((each) => each?.result.kind === "accepted")?.result;
  let headers: Promise<Outcome<Readonly<Record<string, string>>>> | undefined;
  /** By origin: failures that are not temporary, such as a certificate that is not trusted. */
  const permanentFailures = new Map<string, LocationResult<V>>();
  const inFlight = new Set<Promise<void>>();

  const tryLocation = async (location: MetadataLocation): Promise<LocationResult<V>> => {
    if (location.takesHeaders) headers ??= readServerHeaders(fetchOptions, until);
    const read = location.takesHeaders ? await headers : undefined;
    const timeout = timeLeft();
    if (timeout <= 0) return timedOut(documentName);
    const limited = { ...fetchOptions, timeout, signal: controller.signal };
    const result = await fetchDocument(limited, search, location, read?.ok ? read.value : {});
    return result.kind === "document" ? judge(result.document, location) : result;
  };
  try {
    for (const [index, location] of locations.entries()) {
      if (tried[index] !== undefined) continue;
      const { origin } = new URL(location.url);
      // The server cannot answer at its other URLs either.
      const result = permanentFailures.get(origin);
      if (result !== undefined) {
        tried[index] = { location, result };
        continue;
      }
      const attempt: Promise<void> = tryLocation(location).then((outcome) => {
        tried[index] = { location, result: outcome };
        if (outcome.kind === "failed" && outcome.failure.retryable !== true)
          permanentFailures.set(origin, outcome);
        inFlight.delete(attempt);
      });
      inFlight.add(attempt);
      await firstSettled(inFlight, share, fetchOptions);
      if (firstAccepted() !== undefined || controller.signal.aborted) break;
    }
    while (inFlight.size > 0 && firstAccepted() === undefined) await Promise.race(inFlight);
    const accepted = firstAccepted();
    const read = await headers;
    return {
      accepted: accepted?.kind === "accepted" ? accepted.value : undefined,
      tried: tried.filter((each) => each !== undefined),
      headersFailure: read?.ok === false ? read.failure : undefined,
    };
  } finally {
    controller.abort();
    unlink();
  }
}

/** Waits until one of the attempts has settled, but not longer than a number of milliseconds. */
async function firstSettled(
  attempts: ReadonlySet<Promise<void>>,
  milliseconds: number,
  { clock }: MetadataFetch,
): Promise<void> {
  const settled = new AbortController();
  const waited = pause(milliseconds, { clock, signal: settled.signal, unref: true });
  await Promise.race([...attempts, waited]);
  settled.abort();
}

function timedOut<V>(documentName: string): LocationResult<V> {
  const detail = `${documentName} was not read in time.`;
  const failure = { code: "timeout", detail, retryable: true } as const;
  return { kind: "failed", brief: "was not tried in time", failure };
}

/** Returns the result of each location, for a message. URLs that a server chose are not shown. */
export function describeResults<V>(tried: readonly TriedLocation<V>[]): string {
  const described = tried.flatMap(({ location, result }) => {
    if (result.kind === "accepted") return [];
    const shown = location.isLearned ? undefined : printableUrl(location.url);
    return [`${shown ?? "a URL that is not shown here"} ${result.brief}`];
  });
  return described.join("; ");
}

/** Returns the values from responses for the `details` of an error. A name that occurs several times gets a list. */
export function resultDetails<V>(tried: readonly TriedLocation<V>[]): Readonly<Record<string, unknown>> {
  const details = new Map<string, unknown[]>();
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    details.set(name, [...(details.get(name) ?? []), value]);
  };
  for (const { location, result } of tried) {
    if (location.isLearned) add("url", location.url);
    if (result.kind !== "nothing") continue;
    for (const [name, value] of Object.entries(result.details ?? {})) add(name, value);
  }
  return Object.fromEntries(
    [...details].map(([name, values]) => [name, values.length === 1 ? values[0] : [...new Set(values)]]),
  );
}

/** Returns what to do if locations failed temporarily: what explains all of these failures, if there is such a cause. */
function adviceOf(failures: readonly Failure[]): string {
  const [first] = failures;
  const isShared = failures.every(({ advice }) => advice === first?.advice);
  return (isShared ? first?.advice : undefined) ?? "Try again later.";
}

/**
 * Returns why nothing was found if a location that may have the document did not answer: `unavailable` and retryable if
 * it may answer later. Returns `undefined` if all locations have answered.
 */
export function searchFailure<V>(
  documentName: string,
  { tried, headersFailure }: SearchResult<V>,
): Failure | undefined {
  const failures = tried.flatMap(({ result }) => (result.kind === "failed" ? [result.failure] : []));
  const temporary = failures.filter(({ retryable }) => retryable === true);
  if (temporary.length > 0) {
    // The location that may be tried again first decides when.
    const waits = temporary.map(({ retryAfter = 0 }) => retryAfter);
    const retryAfter = Math.min(...waits);
    return {
      code: "unavailable",
      detail: `${documentName} is not available now: ${describeResults(tried)}. ${adviceOf(temporary)}`,
      finding: temporary[0]?.finding,
      retryable: true,
      details: resultDetails(tried),
      neverArrived: failures.length === tried.length && failures.every(({ neverArrived }) => neverArrived),
      ...(retryAfter > 0 && { retryAfter }),
    };
  }
  return failures[0] ?? headersFailure;
}
