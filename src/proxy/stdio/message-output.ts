import type { Writable } from "node:stream";

/**
 * Writes lines to a stream. A writer waits until the reader has taken what was written before, so that the producer of
 * the lines waits, and nothing piles up in memory.
 */
export class MessageOutput {
  readonly #stream: Writable;
  readonly #onClosed: () => void;
  #isOpen: boolean;
  #waiting: (() => void)[] = [];

  /** @param onClosed called once if the reader closes the stream */
  constructor(stream: Writable, onClosed: () => void) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#isOpen = !stream.destroyed && !stream.writableEnded;
    stream.on("drain", this.#wake);
    stream.on("close", this.#noteClosed);
    // Stays for good: without a listener, an EPIPE that comes after the end would end the process.
    stream.on("error", this.#noteClosed);
    if (!this.#isOpen) onClosed();
  }

  /** Resolves once the line was accepted, or cannot be written any more. Never rejects. */
  async write(line: string): Promise<void> {
    while (this.#isOpen && this.#stream.writableNeedDrain) await this.#progress();
    if (this.#isOpen) this.#stream.write(`${line}\n`);
  }

  /** Resolves once the reader has taken everything. Never rejects. */
  async flush(): Promise<void> {
    while (this.#isOpen && this.#stream.writableLength > 0) {
      if (this.#stream.writableNeedDrain) await this.#progress();
      else await new Promise<void>((resolve) => this.#afterWrite(resolve));
    }
  }

  /** Ends all waits. What is written from now on is lost. The stream itself stays open. */
  close(): void {
    this.#isOpen = false;
    this.#stream.off("drain", this.#wake);
    this.#stream.off("close", this.#noteClosed);
    this.#wake();
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #afterWrite(resolve: () => void): void {
    this.#waiting.push(resolve);
    this.#stream.write("", () => this.#wake());
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  };

  readonly #noteClosed = (): void => {
    if (!this.#isOpen) return;
    this.close();
    this.#onClosed();
  };
}
