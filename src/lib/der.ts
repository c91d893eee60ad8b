/** One DER element, ITU-T X.690. */
export interface DerElement {
  readonly content: Uint8Array;
  /** The bytes after the element. */
  readonly rest: Uint8Array;
}

/** Reads the element at the start. Returns `undefined` if it has another tag, or if its length is not valid DER. */
export function readDerElement(bytes: Uint8Array, tag: number): DerElement | undefined {
  const [found, first] = bytes;
  if (found !== tag || first === undefined) return undefined;
  let length = first;
  let start = 2;
  if (first >= 0x80) {
    // No key or signature is longer than 65,535 bytes.
    const count = first - 0x80;
    if (count < 1 || count > 2) return undefined;
    start += count;
    length = bytes.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < (count === 1 ? 0x80 : 0x100)) return undefined;
  }
  const end = start + length;
  return end > bytes.length ? undefined : { content: bytes.subarray(start, end), rest: bytes.subarray(end) };
}

/** Whether bytes are one complete sequence, as keys and certificates are. A line break may follow. */
export function isDerSequence(bytes: Uint8Array): boolean {
  const rest = readDerElement(bytes, 0x30)?.rest;
  return rest !== undefined && rest.length <= 2 && rest.every((byte) => byte === 0x0a || byte === 0x0d);
}
