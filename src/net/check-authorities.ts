import { X509Certificate } from "node:crypto";
import { counted } from "../lib/counted.js";
import { printable } from "../lib/printable.js";
import { readAuthorities } from "./authorities.js";

export interface AuthoritiesCheck {
  /** What is wrong with the file, in whole sentences. */
  readonly mistake?: string;
  readonly warning?: string;
}

/**
 * Checks a file of `network.ca` as it will be when the first connection is made, and that its certificates have not
 * expired. Rejects with `config_invalid` if the file cannot be read.
 */
export async function checkAuthorities(file: string, now: number): Promise<AuthoritiesCheck> {
  const certificates = (await readAuthorities([file])).map((pem) => new X509Certificate(pem));
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  const expired = ends.flatMap((end, index) => (end <= now ? [{ end, number: index + 1 }] : []));
  const [first] = expired;
  if (first === undefined) return {};
  const since = new Date(first.end).toISOString();
  const named = `The file ${printable(file)}, named in "network.ca",`;
  if (expired.length === certificates.length) {
    const what =
      expired.length === 1 ? "a certificate that" : "only certificates that have expired, the first of which";
    return { mistake: `${named} holds ${what} expired at ${since}. Replace it by the one that is used now.` };
  }
  return {
    warning: `${named} holds ${counted(expired.length, "expired certificate")}: number ${first.number} expired at ${since}.`,
  };
}
