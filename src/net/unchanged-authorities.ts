/** Variables that change which authorities Node trusts, or that may load code which does. */
const variables = [
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
] as const;

/**
 * Returns whether it is certain that Node trusts its own roots and no other authorities: nothing is configured, and
 * `node:tls`, with which a program could change them, is not loaded. Asking `node:tls` would load it, which takes some
 * milliseconds.
 */
export function hasUnchangedAuthorities(processEnv: Readonly<Record<string, string | undefined>>): boolean {
  return (
    process.execArgv.length === 0 &&
    variables.every((name) => (processEnv[name] ?? "") === "") &&
    !usesOpenSslByDefault() &&
    isUnloaded("tls")
  );
}

/** Returns whether this Node was built with `--openssl-use-def-ca-store`, as that of some distributions is. */
export function usesOpenSslByDefault(): boolean {
  // The types declare only some of the variables.
  const buildOptions: object = process.config.variables;
  return "openssl_use_def_ca_store" in buildOptions && buildOptions.openssl_use_def_ca_store === true;
}

/** Returns whether a module of Node was not loaded so far: `false` where Node does not tell. */
function isUnloaded(name: string): boolean {
  const { moduleLoadList: loaded } = process as { moduleLoadList?: unknown };
  if (!Array.isArray(loaded)) return false;
  const entry = (module: string): string => `NativeModule ${module}`;
  // Every process has loaded `events`. If the list has it under another name, it cannot be read here.
  return loaded.includes(entry("events")) && !loaded.includes(entry(name));
}
