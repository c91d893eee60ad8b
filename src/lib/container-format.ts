/** A file that holds keys or certificates, and that other programs have to open. */
export type ContainerFormat = "pkcs12" | "pkcs7" | "jks";

/** Returns the format of a file, by its first bytes: PKCS #12 (PFX), PKCS #7, or a keystore of Java. */
export function containerFormat(bytes: Uint8Array): ContainerFormat | undefined {
  const hex = Buffer.from(bytes.subarray(0, 24)).toString("hex");
  if (/^(feedfeed|cececece)/.test(hex)) return "jks";
  // Some programs write these two in BER, without their length.
  const [, start] = /^30(?:80|[0-7].|8[1-4](?:..){1,4}?)(02010330|06092a864886f70d0107)/.exec(hex) ?? [];
  if (start === undefined) return undefined;
  return start.startsWith("02") ? "pkcs12" : "pkcs7";
}
