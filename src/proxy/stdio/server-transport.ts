import { McpAuthError } from "../../errors/error.js";
import type { TokenManager } from "../../index.js";
import type { Clock } from "../../lib/clock.js";
import { abortedAfter, untilAborted } from "../../lib/wait.js";
import { discard } from "../../net/discard.js";
import { requestError, statusError } from "./failures.js";
import type { Message } from "./message.js";
import { readText } from "./read-text.js";
import { postHeaders, type SessionHeaders, sessionHeaders } from "./request-headers.js";

/** What the bridge uses of a manager. */
export interface BridgedManager extends Pick<TokenManager, "name" | "url" | "fetch"> {
  status(): Pick<ReturnType<TokenManager["status"]>, "lastError">;
}

/** The response to a POST. */
export interface Reply {
  readonly response: Response;
  /** The body of a response that is not successful; `undefined` if it is too long, takes too long or breaks off. */
  readonly errorText: string | undefined;
}

/** Characters of an error that are read. */
const maxErrorLength = 1_024 * 1_024;
/** Milliseconds for the body of an error. The status says the most important. */
const timeToReadError = 5_000;

/** The HTTP side of the bridge. Its methods reject only with `McpAuthError`, `aborted` included. */
export class ServerTransport {
  readonly name: string;
  readonly clock: Clock;
  readonly #manager: BridgedManager;

  constructor(manager: BridgedManager, clock: Clock) {
    this.name = manager.name;
    this.clock = clock;
    this.#manager = manager;
  }

  async post(
    message: Message,
    session: SessionHeaders,
    signal: AbortSignal,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const headers = { ...postHeaders(message, session), ...more };
    const response = await this.#fetch({ method: "POST", headers, body: message.text, signal });
    if (response.ok) return { response, errorText: undefined };
    const errorText = await abortedAfter(timeToReadError, { clock: this.clock, signal }, (limited) =>
      readText(response, maxErrorLength, limited),
    );
    return { response, errorText };
  }

  /** Returns the error for a response that is not successful. */
  errorOf(response: Response): McpAuthError {
    // The reason why a refused token was not replaced.
    const { lastError } = response.status === 401 ? this.#manager.status() : {};
    return lastError ?? statusError(this.name, response, this.clock.now());
  }

  /** Opens the stream of a session, or resumes one. */
  async get(session: SessionHeaders, lastEventId: string, signal: AbortSignal): Promise<Response> {
    const headers = {
      accept: "text/event-stream",
      ...sessionHeaders(session),
      ...(lastEventId !== "" && { "last-event-id": lastEventId }),
    };
    return await this.#fetch({ method: "GET", headers, signal });
  }

  /** Ends a session. The server may not support that. */
  async delete(session: SessionHeaders, signal: AbortSignal): Promise<void> {
    discard(await this.#fetch({ method: "DELETE", headers: sessionHeaders(session), signal }));
  }

  async #fetch(init: RequestInit & { readonly signal: AbortSignal }): Promise<Response> {
    const { fetch, url } = this.#manager;
    const { signal } = init;
    try {
      const pending = fetch(url, init);
      // The `fetch` of Node 20 forgets the signal when the garbage collector runs (nodejs/undici#4627).
      return await untilAborted(pending, signal, () => {
        pending.then(discard, () => {});
        return new McpAuthError("aborted", "The request was aborted.", { server: this.name });
      });
    } catch (error) {
      throw requestError(this.name, error);
    }
  }
}

/** Returns the media type of a response, without its parameters. */
export function mediaType(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
