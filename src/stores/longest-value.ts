/** Characters that nothing which is stored exceeds: a response of 1 MiB, in base64 twice. A longer value does not open. */
export const longestValue = 4_194_304;
