import type { IncomingMessage, ServerResponse } from "node:http";
import { ownHeaders } from "../passed-headers.js";
import type { BoardSource, StatusBoard } from "./board.js";

/** The status page and its stream of events. Both are loaded when somebody asks for them. */
export class StatusPage {
  readonly #source: BoardSource;
  #board: StatusBoard | undefined;
  #stopped = false;

  constructor(source: BoardSource) {
    this.#source = source;
  }

  /** Answers with the page. It contains no data, so it needs no token. */
  async answer(response: ServerResponse): Promise<void> {
    const { html, contentSecurityPolicy } = await import("./generated/page.js");
    response.writeHead(200, {
      ...ownHeaders("text/html; charset=utf-8"),
      "content-security-policy": contentSecurityPolicy,
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "content-length": String(Buffer.byteLength(html)),
    });
    response.end(html);
  }

  /** Answers with the stream of events. Returns `false` if there are too many viewers. */
  async answerEvents({ method }: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const board = await this.#openBoard();
    if (!board.hasRoom) return false;
    if (method === "HEAD") response.writeHead(200, ownHeaders("text/event-stream")).end();
    // The viewer may have left meanwhile, and then nothing would end the stream.
    else if (!response.destroyed) board.open(response);
    return true;
  }

  /** Ends all streams at once. */
  stop(): void {
    this.#stopped = true;
    this.#board?.stop();
  }

  async #openBoard(): Promise<StatusBoard> {
    const { StatusBoard: Board } = await import("./board.js");
    this.#board ??= new Board(this.#source);
    if (this.#stopped) this.#board.stop();
    return this.#board;
  }
}
