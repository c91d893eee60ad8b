import { isCommandProcess } from "../lib/command-process.js";

type Variables = Readonly<Record<string, string | undefined>>;

/** Variables that change which authorities Node trusts, or that may load code which does. */
const variables = [
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
] as const;

/**
 * Returns whether it is certain, without asking `node:tls`, that Node trusts its own roots and no other authorities.
 * To load that module takes some milliseconds. Only the command can be certain: a host may have changed the authorities,
 * or removed a variable that Node has read, and a worker thread does not see how the process was started.
 */
export function hasUnchangedAuthorities(processEnv: Variables): boolean {
  return (
    isCommandProcess() &&
    process.execArgv.length === 0 &&
    variables.every((name) => (processEnv[name] ?? "") === "") &&
    !usesOpenSslByDefault()
  );
}

/**
 * Returns whether this Node was built to trust the authorities of OpenSSL, as that of some distributions is
 * (`--openssl-use-def-ca-store`), or those of a file in addition to its own (`--openssl-system-ca-path`).
 */
export function usesOpenSslByDefault(config: object = process.config): boolean {
  // The types declare only a part of the build options.
  const { target_defaults: defaults, variables: built } = config as {
    readonly target_defaults?: { readonly defines?: readonly string[] };
    readonly variables?: object;
  };
  return (
    defaults?.defines?.includes("NODE_OPENSSL_CERT_STORE") === true ||
    "openssl_system_ca_path" in (built ?? {})
  );
}
