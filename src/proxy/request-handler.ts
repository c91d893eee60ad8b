import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import type { TokenManager } from "../index.js";
import { type Refusal, refuseForeign } from "./access.js";
import { Cancellation, forward, isServerUnreachable } from "./forward.js";
import { answerOperation, type Operations, writeText } from "./operations.js";
import type { PeerUsers } from "./peer-user.js";
import { parseTarget } from "./target.js";
import type { Upstream } from "./upstream-fetch.js";

export interface HandlerOptions {
  readonly upstream: Upstream;
  readonly isServed: (server: string) => boolean;
  /** Returns the manager of a server that the proxy serves. Throws `unknown_server` and `stopped`. */
  readonly manager: (server: string) => TokenManager;
  readonly isLocalToken: (candidate: string) => boolean;
  readonly operations: Operations;
  /** Called with each failure to serve a request, and with `undefined` for each response of a server. */
  readonly onOutcome: (server: string, failure: McpAuthError | undefined) => void;
  /** Called with each outcome of a request: the status of the server, or our error. */
  readonly onCall: (server: string, outcome: { readonly status: number } | McpAuthError) => void;
  /** Called when the proxy itself refuses a request. */
  readonly onRefusal: (refusal: Pick<Refusal, "status" | "message">) => void;
  /** `undefined` if programs of all users may call. */
  readonly peers: PeerUsers | undefined;
}

/** A place where the proxy listens. On a unix socket, only our user can connect, so that callers need no token. */
export type Listener = { readonly kind: "tcp"; readonly authority: string } | { readonly kind: "socket" };

/** Milliseconds that a program of another user has to send a request and to read why it is refused. */
const foreignTimeout = 2_000;

/** Answers the requests of all listeners, and knows which are in progress. */
export class RequestHandler {
  readonly #options: HandlerOptions;
  readonly #inProgress = new Set<{ readonly isStream: boolean; readonly cancellation: Cancellation }>();
  /** For each connection over TCP, whether a program of our user has opened it. Empty if all users may call. */
  readonly #peers = new WeakMap<Socket, boolean | Promise<boolean>>();
  #stopping = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** Starts to find out who has opened a connection, while its first request arrives. */
  noteConnection(socket: Socket): void {
    const { peers } = this.#options;
    if (peers === undefined) return;
    const checked = peers.isOurs(socket).then(
      (isOurs) => {
        this.#peers.set(socket, isOurs);
        // Others must not be able to keep connections open, of which there is no unlimited number.
        if (!isOurs) setTimeout(() => socket.destroy(), foreignTimeout).unref();
        return isOurs;
      },
      // The list cannot be read, so nobody can tell.
      () => false,
    );
    this.#peers.set(socket, checked);
  }

  handle(listener: Listener, request: IncomingMessage, response: ServerResponse): void {
    this.#answer(listener, request, response).catch((error: unknown) => {
      response.destroy();
      ignoreFailureInBackground(error);
    });
  }

  /** Ends event streams at once, and everything else after `grace` milliseconds. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    const stopped = stoppedError();
    const end = (isDue: (isStream: boolean) => boolean): void => {
      for (const { isStream, cancellation } of this.#inProgress)
        if (isDue(isStream)) cancellation.cancel(stopped);
    };
    end((isStream) => isStream);
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const timer = setTimeout(() => end(() => true), grace);
    if (this.#inProgress.size > 0) await idle;
    clearTimeout(timer);
  }

  async #answer(listener: Listener, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refuseForeign(request, listener.kind === "tcp" ? listener.authority : undefined);
    if (refusal !== undefined) {
      this.#refuse(response, refusal);
      return;
    }
    const { isLocalToken, operations, onRefusal, peers } = this.#options;
    const isOurs = listener.kind === "socket" || peers === undefined || this.#peers.get(request.socket);
    if (isOurs !== true && (await isOurs) !== true) {
      this.#refuse(response, otherUser);
      return;
    }
    const target = parseTarget(request.url ?? "", isLocalToken);
    switch (target.kind) {
      case "malformed":
        this.#refuse(response, malformed);
        return;
      case "well-known":
        // Hosts look for it by themselves, so nobody has to know.
        writeText(response, 404, "This proxy has no metadata, because its callers need no authorization.");
        return;
      case "own":
        await answerOperation(operations, target.path, request, response);
        if (response.statusCode === 403) onRefusal(wrongOperatingToken);
        return;
      case "server":
        if (listener.kind === "socket" || target.hasToken || hasTokenHeader(request, isLocalToken)) {
          await this.#forward(target, request, response);
          return;
        }
        this.#refuse(response, wrongToken);
    }
  }

  #refuse(response: ServerResponse, refusal: Refusal): void {
    writeText(response, refusal.status, refusal.message);
    this.#options.onRefusal(refusal);
  }

  async #forward(
    { server, rest }: { readonly server: string; readonly rest: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    // The caller has hung up while its user was looked up. Nothing would end this request any more. It may also be one
    // of another user, if the list of connections already had one of ours with the same ports.
    if (request.destroyed || response.destroyed) return;
    const { upstream, operations, isServed, onOutcome, onCall } = this.#options;
    const cancellation = new Cancellation();
    const inProgress = { isStream: isStreamRequest(request), cancellation };
    const onClose = (): void => {
      if (!response.writableFinished) cancellation.cancel();
    };
    // A response that waits for an earlier one of the same connection does not emit `close`.
    const { socket } = request;
    socket.once("close", onClose);
    response.once("close", onClose);
    const manager = (): TokenManager => {
      if (this.#stopping) throw stoppedError(server);
      return this.#options.manager(server);
    };
    const count = operations.metrics.begin(isServed(server) ? server : unknownName);
    this.#inProgress.add(inProgress);
    try {
      const forwarded = { request, response, rest, manager, cancellation };
      await forward(upstream, forwarded, (outcome) => {
        const isError = outcome instanceof McpAuthError;
        count.respond(
          isError ? { code: outcome.code, isServerUnreachable: isServerUnreachable(outcome) } : outcome,
        );
        if (outcome === undefined) return;
        onCall(server, outcome);
        onOutcome(server, isError ? outcome : undefined);
      });
    } finally {
      socket.off("close", onClose);
      count.end();
      this.#inProgress.delete(inProgress);
      if (this.#inProgress.size === 0) this.#onIdle?.();
    }
  }
}

function stoppedError(server?: string): McpAuthError {
  const message = "The proxy is stopping. Start it again, and send the request again.";
  return new McpAuthError("stopped", message, { server, retryable: true });
}

/** A request for the stream of the server's own messages, which lasts until one side ends it. */
function isStreamRequest({ method, headers: { accept = "*/*" } }: IncomingMessage): boolean {
  return method === "GET" && (accept.includes("text/event-stream") || accept.includes("*/*"));
}

/** Counts requests to names that the config does not have, of which a caller can make up any number. */
const unknownName = "(unknown)";

const otherUser: Refusal = {
  status: 403,
  message: "The program that calls runs as another user. See --any-user of the command proxy.",
};

const malformed: Refusal = {
  status: 400,
  message: "The URL of the request must be one that the proxy printed.",
};

const wrongToken: Refusal = {
  status: 403,
  message:
    "The local token of the proxy is missing or wrong. Print the settings of the host again: " +
    "npx mcp-auth-runtime proxy --print HOST",
};

const wrongOperatingToken: Refusal = {
  status: 403,
  message: "A path below /-/ needs the operating token of the proxy: Authorization: Bearer TOKEN.",
};

function hasTokenHeader({ headers }: IncomingMessage, isLocalToken: (candidate: string) => boolean): boolean {
  const header = headers["mcp-auth-proxy-token"];
  return typeof header === "string" && isLocalToken(header);
}
