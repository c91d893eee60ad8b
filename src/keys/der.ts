/** One element of DER, ITU-T X.690: what it holds, and what comes after it. */
export interface DerElement {
  readonly content: Uint8Array;
  readonly rest: Uint8Array;
}

/** The element at the start if it has this tag, and if its length is written in the one way that DER has for it. */
export function derElement(bytes: Uint8Array, tag: number): DerElement | undefined {
  const [found, first] = bytes;
  if (found !== tag || first === undefined) return undefined;
  let length = first;
  let start = 2;
  if (first >= 0x80) {
    // Nothing that is read here has more than 65,535 bytes.
    const count = first - 0x80;
    if (count < 1 || count > 2) return undefined;
    start += count;
    length = bytes.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < (count === 1 ? 0x80 : 0x100)) return undefined;
  }
  const end = start + length;
  return end > bytes.length ? undefined : { content: bytes.subarray(start, end), rest: bytes.subarray(end) };
}
