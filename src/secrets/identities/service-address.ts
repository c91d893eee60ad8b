import { isLoopbackHost } from "../../lib/loopback.js";

/** The variable's value, `undefined` if it is empty: platforms and images set variables to nothing. */
export function variable(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name]?.trim() : undefined;
  return value === "" ? undefined : value;
}

/**
 * Parses the address of a service that a variable of the environment names. It must be https, or plain http to this
 * machine or to an address that no router passes on: a variable must not send a credential, or the question for one,
 * across a network in plain text. Returns `undefined` for any other address.
 */
export function serviceAddress(text: string): URL | undefined {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (url.username !== "" || url.password !== "") return undefined;
  if (url.protocol === "https:") return url;
  return url.protocol === "http:" && isOnThisMachine(url.hostname) ? url : undefined;
}

/** What is wrong with the address in a variable that `serviceAddress` refuses. */
export function notAnAddress(name: string): string {
  return (
    `${name} is neither an https URL nor an address of this machine (loopback, 169.254.0.0/16), so nothing was sent. ` +
    "Correct it, or remove it."
  );
}

/** Loopback, link-local addresses (RFC 3927), and the names and addresses of Google's metadata server. */
function isOnThisMachine(hostname: string): boolean {
  return (
    isLoopbackHost(hostname) ||
    /^169\.254(\.\d{1,3}){2}$/.test(hostname) ||
    /^metadata(\.google\.internal\.?)?$/.test(hostname) ||
    hostname === "[fd20:ce::254]"
  );
}
