/** Characters of messages that wait for the server. A few of the longest messages fit. */
const most = 64 * 1_024 * 1_024;

/** Counts what the server has not received yet, so that a fast host does not fill the memory. */
export class SentBytes {
  #count = 0;
  #isOpen = true;
  #resume: () => void = () => {};

  /** Counts a message while `work` sends it. */
  async during<T>(length: number, work: () => Promise<T>): Promise<T> {
    this.#count += length;
    try {
      return await work();
    } finally {
      this.#count -= length;
      if (this.#count < most) this.#resume();
    }
  }

  /** Resolves once there is room for another message. One caller at a time. */
  async room(): Promise<void> {
    if (this.#isOpen && this.#count >= most)
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
  }

  /** Ends all waits. */
  close(): void {
    this.#isOpen = false;
    this.#resume();
  }
}
