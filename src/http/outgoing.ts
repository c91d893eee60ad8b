/** A request as a caller gave it, taken apart so that it can be sent more than once. */
export interface Outgoing {
  readonly url: URL;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  readonly redirect: NonNullable<RequestInit["redirect"]>;
  /** Whether `init()` can be called again after a send. */
  readonly replayable: boolean;
  /** What to hand to `fetch`, without headers. Each call gives a body of its own. */
  init(): RequestInit;
  /** Frees what was kept for another send. */
  release(): void;
}

/** Takes apart what a caller passed to `fetch`. Throws `TypeError` for a URL that does not parse, as `fetch` does. */
export function takeApart(input: string | URL | Request, init: RequestInit = {}): Outgoing {
  if (input instanceof Request) return fromRequest(input, init);
  const replayable = isReplayable(init.body);
  return {
    url: new URL(input),
    headers: new Headers(init.headers),
    signal: init.signal ?? undefined,
    redirect: init.redirect ?? "follow",
    replayable,
    init: () => init,
    release: () => {},
  };
}

function fromRequest(input: Request, init: RequestInit): Outgoing {
  // The standard's own merge of the two arguments.
  let next: Request | undefined = new Request(input, init);
  const { url, headers, signal, redirect, method, body } = next;
  const streams = body !== null;
  return {
    url: new URL(url),
    headers: new Headers(headers),
    signal,
    redirect,
    replayable: true,
    init() {
      if (!streams) return { ...init, method, signal };
      if (next === undefined) throw new TypeError("The body was released.");
      // Keeps the other branch of the body for a second send.
      const current: Request = next;
      next = current.clone();
      return { ...init, method, signal, body: current.body, duplex: "half" };
    },
    release() {
      const spare = streams ? next : undefined;
      next = undefined;
      spare?.body?.cancel().catch(() => {});
    },
  };
}

/** A stream or iterator is used up by the first send; everything else can be read again. */
function isReplayable(body: RequestInit["body"]): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  return (
    body instanceof URLSearchParams ||
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}
