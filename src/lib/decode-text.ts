/** Decodes UTF-8 without its byte order mark. Returns `undefined` for bytes that are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return undefined;
  }
}

/** Decodes UTF-16, or UTF-8, without a byte order mark. Returns `undefined` for other bytes. */
export function decodeAnyText(bytes: Uint8Array): string | undefined {
  return decodeUtf16(bytes) ?? decodeText(bytes);
}

/** Decodes UTF-16 with a byte order mark, or without one if all its characters are ASCII. */
export function decodeUtf16(bytes: Uint8Array): string | undefined {
  const [first = 0, second = 0] = bytes;
  if (bytes.length < 4 || bytes.length % 2 !== 0) return undefined;
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const isBigEndian = hasMark ? first === 0xfe : first === 0;
  const high = isBigEndian ? 0 : 1;
  const isAscii = () =>
    bytes.every((byte, index) => (index % 2 === high ? byte === 0 : byte > 0 && byte < 0x80));
  if (!hasMark && !isAscii()) return undefined;
  // A copy, because `swap16` changes the bytes.
  const copy = Buffer.from(bytes);
  return (isBigEndian ? copy.swap16() : copy).toString("utf16le").replace(/^\ufeff/, "");
}
