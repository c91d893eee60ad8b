import type { Finding } from "./finding.js";

/** The validity of a certificate, in milliseconds since the epoch. */
export interface Validity {
  /** Names the place of the certificate, in words that begin with a lower-case letter. */
  readonly source: string;
  readonly beginsAt: number;
  readonly expiresAt: number;
  readonly now: number;
}

/** In milliseconds. */
const twoWeeks = 14 * 86_400_000;

/**
 * Returns a finding for a certificate that should have been renewed by now: with less than two weeks left, and less than
 * a tenth of its life, because some certificates are valid for a day only.
 */
export function certificateEnds({ source, beginsAt, expiresAt, now }: Validity): Finding | undefined {
  const left = expiresAt - now;
  if (left >= Math.min(twoWeeks, (expiresAt - beginsAt) / 10)) return undefined;
  return {
    id: "certificate_expires_soon",
    cause: `The certificate in ${source} expires at ${new Date(expiresAt).toISOString()}.`,
    remedy: "Renew it before that.",
  };
}
