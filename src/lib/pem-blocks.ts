/** One `-----BEGIN …-----` block of RFC 7468, or of RFC 1421 if it is encrypted with a `DEK-Info`. */
export interface PemBlock {
  readonly label: string;
  /** Without white space. Empty if the block holds anything else than base64 and headers. */
  readonly base64: string;
  /** How the block is encrypted, RFC 1421 §4.6.1.3: the name of the cipher, and its parameters in hexadecimal. */
  readonly encryption: { readonly cipher: string; readonly parameters: string } | undefined;
}

export interface PemBlocks {
  readonly blocks: readonly PemBlock[];
  /** Whether a block has no END line. */
  readonly isCut: boolean;
}

/** Labels by themselves without spaces, because the spaces may be lost with the line breaks. */
const labels: ReadonlyMap<string, string> = new Map(
  [
    ...["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"],
    ...["OPENSSH PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY", "EC PARAMETERS", "CERTIFICATE"],
    ...["X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"],
  ].map((label) => [withoutSpaces(label), label]),
);

const marker = /-----(BEGIN|END)([A-Z0-9 ]{1,41})-----/g;

/** Returns whether a text is meant to be PEM, valid or not. */
export function looksLikePem(text: string): boolean {
  return text.includes("-----BEGIN");
}

/**
 * Returns all blocks of a PEM text, in order. In variables, line breaks are often written as `\n`, once or twice, or
 * turned into spaces, or removed. In base64, none of that can mean anything else.
 */
export function readBlocks(text: string): PemBlocks {
  const blocks: PemBlock[] = [];
  let isCut = false;
  let open: { readonly label: string; readonly begin: number; readonly start: number } | undefined;
  const giveUp = () => {
    // Elsewhere in a line, a BEGIN is a part of a comment.
    if (open !== undefined && beginsLine(text, open.begin)) isCut = true;
    open = undefined;
  };
  for (const { 0: found, 1: kind, 2: words = "", index } of text.matchAll(marker)) {
    const label = labels.get(withoutSpaces(words)) ?? words.trim();
    if (kind === "END" && open?.label === label) {
      blocks.push({ label, ...contentOf(text.slice(open.start, index)) });
      open = undefined;
      continue;
    }
    giveUp();
    if (kind === "BEGIN") open = { label, begin: index, start: index + found.length };
  }
  giveUp();
  return { blocks, isCut: isCut || (blocks.length === 0 && looksLikePem(text)) };
}

/** Whether only white space, quotes and escapes precede an offset in its line, or the end of another block. */
function beginsLine(text: string, offset: number): boolean {
  return /(?:^|[\r\n]|\\[nr]|-----)[\s"'\\]*$/.test(text.slice(Math.max(0, offset - 64), offset));
}

/** A line break that is written as an escape, of which the backslash may be escaped again. */
const escapedBreak = /\\{1,4}[nrt]/g;

// Without line breaks, only the length of the parameters tells where the base64 begins: 8 or 16 bytes.
const encrypted =
  /^\s*Proc-Type:\s*4,\s*ENCRYPTED\s*DEK-Info:\s*(?:(AES-\d{3}-[A-Z]{3}),\s*([0-9A-Fa-f]{32})|(DES-[A-Z0-9-]{3,12}),\s*([0-9A-Fa-f]{16})|([A-Z0-9-]{2,30}),\s*([0-9A-Fa-f]{2,64})\s)/;
const header = /^[ \t]*[A-Za-z0-9-]+:.*$/gm;

function contentOf(body: string): Omit<PemBlock, "label"> {
  // Backslashes that are left over escape a slash, or a line break.
  const text = body.replaceAll(escapedBreak, "\n").replaceAll("\\", "");
  const found = encrypted.exec(text);
  const [all = "", aes, ivOfAes, des, ivOfDes, other, ivOfOther] = found ?? [];
  const cipher = aes ?? des ?? other;
  const parameters = ivOfAes ?? ivOfDes ?? ivOfOther;
  return {
    base64: cleanBase64(text.slice(all.length).replaceAll(header, "")) ?? "",
    encryption: cipher === undefined || parameters === undefined ? undefined : { cipher, parameters },
  };
}

/**
 * Returns base64 or base64url without white space and line breaks that are written as `\n`, or `undefined` for any
 * other text.
 */
export function cleanBase64(text: string): string | undefined {
  const base64 = withoutSpaces(text.replaceAll(escapedBreak, ""));
  return /^(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+)={0,2}$/.test(base64) ? base64 : undefined;
}

/** Writes a block with lines of 64 characters, because OpenSSL and TLS do not accept longer ones. */
export function writeBlock({ label, base64, encryption }: PemBlock): string {
  const lines =
    base64
      .replaceAll("-", "+")
      .replaceAll("_", "/")
      .match(/.{1,64}/g) ?? [];
  const headers =
    encryption === undefined
      ? []
      : ["Proc-Type: 4,ENCRYPTED", `DEK-Info: ${encryption.cipher},${encryption.parameters}`, ""];
  return [`-----BEGIN ${label}-----`, ...headers, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function withoutSpaces(text: string): string {
  return text.replaceAll(/\s+/g, "");
}
