/** The environment of the process itself, at which TLS looks whatever a caller passes as `env`. */
export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Whether the process turns off the verification of TLS peers, for every connection that does not ask for it. The variable is
 * read at each connection, so call this each time.
 */
export function isVerificationOff(processEnv: ProcessEnvironment): boolean {
  const value = processEnv["NODE_TLS_REJECT_UNAUTHORIZED"];
  return value === "0" || (value === "false" && process.versions["bun"] !== undefined);
}

/** What is wrong then, and what to do. */
export const verificationIsOff =
  "NODE_TLS_REJECT_UNAUTHORIZED turns the verification of TLS certificates off in this process, so anybody could answer. " +
  'Unset it; a certificate of your own can be trusted with "ca" under "network" in the config (network.ca), or with ' +
  "NODE_EXTRA_CA_CERTS.";
