/** Decoded more often than this, nothing is encoded in good faith. */
const mostRounds = 4;

/**
 * Whether a server that reads a path more freely than the URL standard may step out of it: somewhere in it, decoded as
 * often as it can be, stands `.` or `..` for itself. What such servers take for dots and slashes are also their encoded,
 * fullwidth and shortened forms, and what ends a segment is also `;`, `?`, `#` and `:`. Refused by themselves, because
 * nobody needs them and servers differ on them: backslashes, control characters, and bytes that are not UTF-8, of which
 * the overlong forms of dots and slashes are some.
 *
 * @param path of a `URL`, which has resolved the segments `..` and `%2e%2e` already
 */
export function mayClimb(path: string): boolean {
  // What most paths are made of.
  if (!/[%;:\\]/.test(path)) return hasDotSegment(path);
  let text = path;
  for (let round = 0; round <= mostRounds; round += 1) {
    if (/[\p{Cc}\\]/u.test(text) || prefetched(text).some(hasDotSegment)) return true;
    const decoded = decodedOnce(text);
    if (decoded === undefined) return true;
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

/** Of dots alone, with white space or without: Windows drops both at the end of a name. */
function hasDotSegment(text: string): boolean {
  return text.split(/[/\\;?#:]/).some((segment) => /^[\s.]+$/.test(segment) && segment.includes("."));
}

/** One text as servers of different minds read it. */
function prefetched(text: string): readonly string[] {
  if (!/[\u0080-\uffff]/.test(text)) return [text];
  // Some leave out what nobody sees.
  const visible = text.replaceAll(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "");
  // What compatibility forms leave is mapped by the "best fit" of Windows, and by host names.
  const plain = visible
    .normalize("NFKC")
    .replaceAll(/[\u2044\u2215\u29f8]/g, "/")
    .replaceAll(/[\u2216\u29f5\u29f9\u00a5\u20a9]/g, "\\")
    .replaceAll(/[\u3002\ua4f8\u06d4]/g, ".");
  // Others keep the lower half of each character.
  const halves = visible.replaceAll(/[\u0100-\uffff]/g, (character) =>
    String.fromCharCode(character.charCodeAt(0) & 0xff),
  );
  return [text, visible, plain, halves];
}

/** With one layer of `%2e` and `%u002e` taken off; `undefined` where that leaves bytes that are not UTF-8. */
function decodedOnce(text: string): string | undefined {
  try {
    return (
      text
        // A percent sign can be fullwidth too.
        .replaceAll(/[\uff05\ufe6a]/g, "%")
        .replaceAll(/%u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        .replaceAll(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
    );
  } catch {
    return undefined;
  }
}
