/**
 * Whether a hostname, as `URL.hostname` gives it, is this machine by definition: `localhost` and names under it
 * (RFC 6761 §6.3), 127.0.0.0/8 and `[::1]`. `URL` has already lower-cased names and written out short IPv4 forms.
 */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    /^127(\.\d{1,3}){3}$/.test(hostname) ||
    hostname === "[::1]"
  );
}
