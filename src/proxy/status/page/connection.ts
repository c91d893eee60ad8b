/** What the connection is doing. `since` and `retryAt` are times of the viewer's machine. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly since: number; readonly retryAt: number; readonly reason?: string }
  /** The proxy refused the token. */
  | { readonly kind: "refused"; readonly message: string };

export interface ConnectionHandlers {
  readonly onState: (state: ConnectionState) => void;
  readonly onEvent: (event: string, data: unknown) => void;
}

/** Milliseconds. The proxy sends something every ten seconds. */
const longestSilence = 30_000;
const firstRetry = 1_000;
const longestRetry = 30_000;
/** A hidden page gives its place to other viewers. */
const hiddenFor = 5 * 60_000;

/** Reads the events of the proxy, and connects again when the connection is lost. */
export class Connection {
  readonly #handlers: ConnectionHandlers;
  readonly #token: string;
  #current: AbortController | undefined;
  #retry = firstRetry;
  #lostSince: number | undefined;
  #timer = 0;
  #hiddenTimer = 0;
  #isPaused = false;
  #closed = false;

  constructor(token: string, handlers: ConnectionHandlers) {
    this.#token = token;
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", this.#onVisibility);
  }

  /** Connects now, without waiting for the next try. */
  open(): void {
    clearTimeout(this.#timer);
    this.#current?.abort();
    const controller = new AbortController();
    this.#current = controller;
    if (this.#lostSince === undefined) this.#handlers.onState({ kind: "connecting" });
    this.#read(controller).catch((error: unknown) => {
      if (this.#current === controller)
        this.#lost(error instanceof ConnectionLost ? error.message : undefined);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#hiddenTimer);
    this.#current?.abort();
    this.#current = undefined;
    document.removeEventListener("visibilitychange", this.#onVisibility);
  }

  async #read(controller: AbortController): Promise<void> {
    let silence = 0;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), longestSilence);
    };
    heard();
    try {
      const response = await fetch("/-/status/events", {
        headers: { authorization: `Bearer ${this.#token}`, accept: "text/event-stream" },
        ...{ cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer" },
        signal: controller.signal,
      });
      if (response.status === 403) {
        const message = await response.text();
        this.close();
        this.#handlers.onState({ kind: "refused", message });
        return;
      }
      if (response.status === 503) throw new ConnectionLost("other status pages use all places");
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
      if (!response.ok || !isStream || response.body === null)
        throw new ConnectionLost(`the proxy answered with status ${response.status}`);
      await this.#readEvents(response.body, controller, heard);
      throw new ConnectionLost(undefined);
    } finally {
      clearTimeout(silence);
    }
  }

  async #readEvents(
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
    controller: AbortController,
    heard: () => void,
  ): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#current !== controller) return;
      heard();
      const events = (rest + value).split("\n\n");
      rest = events.pop() ?? "";
      for (const text of events) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text) ?? [];
        if (event === undefined || data === undefined) continue;
        if (event === "complete") this.#live();
        this.#handlers.onEvent(event, JSON.parse(data));
      }
    }
  }

  #live(): void {
    this.#retry = firstRetry;
    this.#lostSince = undefined;
    this.#handlers.onState({ kind: "live" });
  }

  #lost(reason: string | undefined): void {
    if (this.#closed) return;
    this.#lostSince ??= Date.now();
    // Spread a little, so that all pages do not come back at the same moment.
    const pause = this.#retry * (0.8 + 0.4 * Math.random());
    this.#retry = Math.min(this.#retry * 2, longestRetry);
    const [since, retryAt] = [this.#lostSince, Date.now() + pause];
    this.#handlers.onState({ kind: "lost", since, retryAt, ...(reason !== undefined && { reason }) });
    if (!this.#isPaused) this.#timer = setTimeout(() => this.open(), pause);
  }

  readonly #onVisibility = (): void => {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) {
      this.#hiddenTimer = setTimeout(() => {
        this.#isPaused = true;
        clearTimeout(this.#timer);
        this.#current?.abort();
      }, hiddenFor);
    } else if (this.#isPaused) {
      this.#isPaused = false;
      this.open();
    }
  };
}

class ConnectionLost extends Error {
  constructor(reason: string | undefined) {
    super(reason ?? "");
  }
}
