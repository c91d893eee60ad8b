/** Layers of percent-encoding that are decoded. No legitimate URL has more. */
const maxLayers = 4;

/**
 * Whether a server may resolve a path to a place above it, because it reads paths more freely than the URL standard:
 * the path has a segment `.` or `..` after all decoding. Some servers also take encoded, fullwidth and shortened forms
 * for dots and slashes, and end a segment at `;`, `?`, `#` and `:`. Backslashes, control characters and bytes that are
 * not UTF-8 (such as overlong forms) are always rejected, because servers differ on them and no client needs them.
 *
 * @param path of a `URL`, which has already resolved the segments `..` and `%2e%2e`
 */
export function mayLeaveFolder(path: string): boolean {
  // Most paths have none of these.
  if (!/[%;:\\]/.test(path)) return hasDotSegment(path);
  let text = path;
  for (let layer = 0; layer <= maxLayers; layer += 1) {
    if (/[\p{Cc}\\]/u.test(text) || variants(text).some(hasDotSegment)) return true;
    const decoded = decodedOnce(text);
    if (decoded === undefined) return true;
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

/** Whether a segment consists of dots and white space, which Windows drops at the end of a name. */
function hasDotSegment(text: string): boolean {
  return text.split(/[/\\;?#:]/).some((segment) => /^[\s.]+$/.test(segment) && segment.includes("."));
}

/** Returns the text as different servers read it. */
function variants(text: string): readonly string[] {
  if (!/[\u0080-\uffff]/.test(text)) return [text];
  // Some servers drop invisible characters.
  const visible = text.replaceAll(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "");
  // The "best fit" mapping of Windows, and host names, also map characters that NFKC keeps.
  const normalized = visible
    .normalize("NFKC")
    .replaceAll(/[\u2044\u2215\u29f8]/g, "/")
    .replaceAll(/[\u2216\u29f5\u29f9\u00a5\u20a9]/g, "\\")
    .replaceAll(/[\u3002\ua4f8\u06d4]/g, ".");
  // Others keep only the lower byte of each character.
  const lowBytes = visible.replaceAll(/[\u0100-\uffff]/g, (character) =>
    String.fromCharCode(character.charCodeAt(0) & 0xff),
  );
  return [text, visible, normalized, lowBytes];
}

/** Decodes one layer of `%2e` and `%u002e`. Returns `undefined` for bytes that are not UTF-8. */
function decodedOnce(text: string): string | undefined {
  try {
    return (
      text
        // A percent sign can be fullwidth too.
        .replaceAll(/[\uff05\ufe6a]/g, "%")
        .replaceAll(/%u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        .replaceAll(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
    );
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return undefined;
  }
}
