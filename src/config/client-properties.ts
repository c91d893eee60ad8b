/** The names of a client's properties, in the order of the schema. */
export const clientProperties: readonly string[] = [
  ...["issuer", "id", "secret", "key", "assertion", "certificate", "method", "basicEncoding"],
  ...["assertionAudience", "assertionType", "metadata"],
];
