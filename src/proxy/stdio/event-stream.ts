/** An event as the HTML standard dispatches it. */
export interface StreamEvent {
  /** `message` if the event names no other type. */
  readonly type: string;
  /** Empty for an event that has only an `id`. */
  readonly data: string;
  /** The position in the stream after this event; `""` if the server has not sent any. */
  readonly lastEventId: string;
}

/**
 * Parses a `text/event-stream` (HTML standard §9.2.6) piece by piece. An event that is not complete at the end of the
 * stream is lost, and so is its `id`, as the standard says: a server sends it again when the stream is resumed.
 *
 * A byte order mark is left to the decoder, which removes it.
 */
export class EventStreamParser {
  readonly #maxLength: number;
  // The beginning of a line, in pieces, because joining them at each chunk would copy a long line again and again.
  #pieces: string[] = [];
  #data: string[] = [];
  #type = "";
  #id: string;
  #dispatchedId: string;
  /** Characters of the event so far. */
  #length = 0;
  #skipsLineFeed = false;
  #retry: number | undefined;

  /**
   * @param maxLength characters of the longest event
   * @param lastEventId the position from which the stream is resumed
   */
  constructor(maxLength: number, lastEventId = "") {
    this.#maxLength = maxLength;
    this.#id = lastEventId;
    this.#dispatchedId = lastEventId;
  }

  /** Whether an event was longer than allowed. The parser ignores the rest of the stream. */
  get isTooLong(): boolean {
    return this.#length > this.#maxLength;
  }

  /** Milliseconds to wait before the client connects again, if the server has said so. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /** Parses the next piece of the stream, and returns the events that it completes. */
  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    let start = 0;
    if (this.#skipsLineFeed && text !== "") {
      this.#skipsLineFeed = false;
      if (text.startsWith("\n")) start = 1;
    }
    const lineEnd = /\r\n?|\n/g;
    for (;;) {
      lineEnd.lastIndex = start;
      const found = lineEnd.exec(text);
      this.#addToLine(text.slice(start, found?.index));
      if (found === null || this.isTooLong) return events;
      start = lineEnd.lastIndex;
      // The line ends with this CR. If an LF follows in the next piece, it belongs to the same line end.
      this.#skipsLineFeed = found[0] === "\r" && start === text.length;
      const event = this.#endLine();
      if (event !== undefined) events.push(event);
    }
  }

  #addToLine(piece: string): void {
    this.#length += piece.length;
    if (this.isTooLong) {
      this.#pieces = [];
      this.#data = [];
    } else if (piece !== "") this.#pieces.push(piece);
  }

  #endLine(): StreamEvent | undefined {
    const line = this.#pieces.join("");
    this.#pieces = [];
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line.charAt(colon + 1) === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else {
      // What an event keeps of this line does not count: a stream of comments is endless, but takes no memory.
      this.#length -= line.length;
      if (field === "event") this.#type = value;
      else if (field === "id" && !value.includes("\0")) this.#id = value;
      else if (field === "retry" && /^\d{1,15}$/.test(value)) this.#retry = Number(value);
    }
    return undefined;
  }

  #dispatch(): StreamEvent | undefined {
    const data = this.#data.join("\n");
    const isNew = this.#data.length > 0 || this.#id !== this.#dispatchedId;
    const type = this.#type === "" ? "message" : this.#type;
    this.#dispatchedId = this.#id;
    this.#data = [];
    this.#type = "";
    this.#length = 0;
    return isNew ? { type, data, lastEventId: this.#id } : undefined;
  }
}
