/**
 * Returns whether a hostname, as `URL.hostname` returns it, always means this machine: `localhost` and the names under
 * it (RFC 6761 §6.3), 127.0.0.0/8 and `[::1]`. `URL` has already converted names to lower case and short IPv4 forms to
 * four parts.
 */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    /^127(\.\d{1,3}){3}$/.test(hostname) ||
    hostname === "[::1]"
  );
}

/** Returns whether an IP address, as in `ListenAddress.host`, is one of this machine alone: 127.0.0.0/8 or `::1`. */
export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Returns the name of this machine if one of the URLs has a loopback host, else `null`. Processes on several machines
 * compare it before they share something: the same loopback URL is another server on each machine.
 */
export function machineOf(...urls: readonly string[]): string | null {
  const isOnLoopback = urls.some((url) => URL.canParse(url) && isLoopbackHost(new URL(url).hostname));
  return isOnLoopback ? process.getBuiltinModule("node:os").hostname() : null;
}
